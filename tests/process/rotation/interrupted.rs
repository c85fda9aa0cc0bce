//! A rotation that is open when the custodian ends.

use signer_test_support::{Server, Workplace, path_of, sign_request};

use super::clients::handle;
use super::{close, open, start};

/// Makes sure that both keys of the rotation sign, and the new one for the scope.
fn expect_both_sign(server: &Server) {
    for number in [1, 2] {
        let path = format!("{}/sign", path_of(&handle(number)));
        server
            .post(&path, &sign_request(&[2; 64]))
            .expect_status(200);
    }
    let signed = server.post("/v1/scopes/platform/sign", &sign_request(&[3; 64]));
    assert_eq!(signed.expect_status(200).json()["key_id"], "k2");
}

#[test]
fn a_rotation_that_is_open_when_the_custodian_is_killed_goes_on_afterwards() {
    let place = Workplace::with_seed();
    let mut server = start(&place);
    server.generate("k1");
    let opened = open(&server, "k2");
    expect_both_sign(&server);
    for end in ["killed", "stopped"] {
        match end {
            "killed" => assert_eq!(server.kill().code(), None),
            _ => assert!(server.terminate().success()),
        }
        server = start(&place);
        let current = server.get("/v1/scopes/platform/rotations/current");
        assert_eq!(current.expect_status(200).json(), opened, "{end}");
        expect_both_sign(&server);
        let generate = server.post("/v1/keys", r#"{"scope":"platform","key_id":"k3"}"#);
        assert_eq!(generate.problem_code(), "rotation_in_progress");
        let retire = server.post(&format!("{}/retire", path_of(&handle(2))), "");
        assert_eq!(retire.problem_code(), "rotation_in_progress");
    }
    let closed = close(&server, "k1", "k2");
    assert!(closed["closed_at"].is_string(), "{closed}");
    assert_eq!(server.kill().code(), None);
    let server = start(&place);
    assert_eq!(
        close(&server, "k1", "k2"),
        closed,
        "closing again changes nothing"
    );
    let refused = server.post(
        &format!("{}/sign", path_of(&handle(1))),
        &sign_request(&[4; 64]),
    );
    assert_eq!(refused.problem_code(), "key_retired");
    server.generate("k3");
}
