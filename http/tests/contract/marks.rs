//! Blocks and quarantines over HTTP.

use serde_json::Value;

use crate::support::TestServer;

#[test]
fn a_key_is_blocked_unblocked_and_released_with_or_without_an_empty_object() {
    let server = TestServer::start();
    for (action, blocked) in [
        ("block", true),
        ("unblock", false),
        ("release-quarantine", false),
    ] {
        let path = format!("/v1/keys/software%3Aplatform%7Ck1/{action}");
        for body in ["", "{}"] {
            let answer = server.client().post(&path, body);
            assert_eq!(answer.status, 200, "{action}");
            let document: Value = answer.json();
            assert_eq!(document["blocked"], blocked, "{action}");
            assert_eq!(document["quarantined"], false);
            assert_eq!(document["handle_id"], "software:platform|k1");
        }
        assert_eq!(server.client().post(&path, r#"{"why":1}"#).status, 400);
        assert_eq!(server.client().get(&path).status, 405);
    }
}

#[test]
fn a_blocked_key_is_a_conflict_that_asking_again_does_not_cure() {
    let server = TestServer::start();
    let path = "/v1/keys/software%3Aplatform%7Cblocked/unblock";
    let answer = server.client().post(path, "");
    assert_eq!(answer.status, 409);
    let problem = answer.problem();
    assert_eq!(problem.code.as_str(), "key_blocked");
    assert_eq!(problem.detail, "signing: key blocked");
    assert!(!problem.retryable);
}

#[test]
fn a_swapped_key_says_so_and_not_that_it_is_missing() {
    let server = TestServer::start();
    for (name, shown, absent) in [
        ("swapped", "swapped", "missing"),
        ("missing", "missing", "swapped"),
    ] {
        let path = format!("/v1/keys/software%3Aplatform%7C{name}");
        let document: Value = server.client().get(&path).json();
        assert_eq!(document[shown], true);
        assert_eq!(document.get(absent), None);
    }
}
