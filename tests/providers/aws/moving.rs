//! A scope moves from a seed file into AWS KMS while everybody signs.

use std::time::Duration;

use serde_json::Value;
use signer_test_support::{PublishedKey, Random, ScopeLoad, Server, pause, setting, sign_request};

use super::account::Account;

const SEED: u64 = 0x5eed_0a35;
const OLD: &str = "software:platform|k1";

fn rotation(server: &Server, line: &[&str]) -> Value {
    let mut words = vec!["rotations"];
    words.extend(line);
    words.extend(["--scope", "platform", "-o", "json"]);
    server.cli(&words).expect_status(0).json()
}

#[test]
fn a_scope_moves_into_aws_kms_under_load_and_no_request_fails() {
    let account = Account::empty();
    account.server.set_latency(Duration::from_millis(20));
    let mut server = account.serve_both();
    server.generate("k1");
    let load = ScopeLoad::on(&server, Random::new(setting("SIGNER_TEST_SEED", SEED)));
    pause(Duration::from_millis(500));
    let opened = rotation(
        &server,
        &["open", "--new-key-id", "k2", "--provider", "aws-kms"],
    );
    assert_eq!(opened["old_handle_id"], OLD);
    let new = opened["new_handle_id"].as_str().unwrap().to_owned();
    assert_eq!(new, format!("aws-kms:{}", account.fake.keys()[0].arn));
    pause(Duration::from_millis(500));
    // Both verify until the rotation is closed.
    let set = server
        .get("/v1/scopes/platform/jwks")
        .expect_status(200)
        .json();
    assert_eq!(set["keys"].as_array().unwrap().len(), 2);
    rotation(&server, &["close", "--old", "k1", "--new", "k2"]);
    pause(Duration::from_millis(500));
    let by_key = load.end(&server);
    println!("{by_key:?}");
    assert_eq!(by_key.keys().collect::<Vec<_>>(), [new.as_str(), OLD]);

    let old = format!("{}/sign", signer_test_support::path_of(OLD));
    let refused = server.post(&old, &sign_request(&[7; 64]));
    assert_eq!(refused.problem_code(), "key_retired");
    assert!(server.terminate().success());
    let server = account.serve_both();
    let key = server
        .get(&signer_test_support::path_of(&new))
        .expect_status(200);
    let key = PublishedKey::of(&key.json());
    let signed = server.post("/v1/scopes/platform/sign", &sign_request(&[7; 64]));
    assert!(key.has_signed(&[7; 64], &signed.expect_status(200)));
}

/// The way back, for as long as the rotation is open: what was signed stays valid, and the scope's next
/// key is one of the old provider again.
#[test]
fn a_scope_that_has_moved_can_move_back() {
    let account = Account::empty();
    let server = account.serve_both();
    server.generate("k1");
    rotation(
        &server,
        &["open", "--new-key-id", "k2", "--provider", "aws-kms"],
    );
    rotation(&server, &["close", "--old", "k1", "--new", "k2"]);
    rotation(
        &server,
        &["open", "--new-key-id", "k3", "--provider", "software"],
    );
    let signed = server.post("/v1/scopes/platform/sign", &sign_request(&[7; 64]));
    assert_eq!(signed.expect_status(200).json()["key_id"], "k3");
    rotation(&server, &["close", "--old", "k2", "--new", "k3"]);
    signer_test_support::eventually("the key in AWS KMS to be disabled", || {
        account.fake.enabled().is_empty().then_some(())
    });
}
