//! A custodian that dies while a key is made: afterwards there is one key, and nothing beside it.

use std::time::Duration;

use signer_cloud_fakes::Fault;
use signer_test_support::{PublishedKey, eventually, sign_request};

use super::account::Account;

const GENERATE: &str = r#"{"scope":"platform","key_id":"k1"}"#;

/// Makes sure that a custodian that starts now comes to exactly one key, and that asking again leads to it.
fn comes_to_one_key(account: &Account) {
    let server = account.serve(&[]);
    let key = PublishedKey::of(&server.generate("k1").json());
    assert_eq!(PublishedKey::of(&server.generate("k1").json()), key);
    let signed = server.post(&format!("{}/sign", key.path()), &sign_request(&[7; 64]));
    assert!(key.has_signed(&[7; 64], &signed.expect_status(200)));
    let keys = account.fake.keys();
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(format!("aws-kms:{}", keys[0].arn), key.handle_id);
    assert_eq!(keys[0].state, "Enabled");
    assert!(keys[0].alias.is_some(), "{keys:?}");
}

#[test]
fn a_death_between_the_key_and_its_record_leaves_one_key() {
    for (point, made_before) in [
        ("provider.generate.before:1", 0),
        ("provider.generate.after:1", 1),
        ("registry.complete.before:1", 1),
        ("registry.complete.after:1", 1),
    ] {
        let account = Account::empty();
        let mut server = account.spawn(&account.program_under_test(point), &[]);
        server.wait_until_ready();
        let cut = server.connect().ask("POST", "/v1/keys", Some(GENERATE));
        assert!(cut.is_err(), "{point}: {cut:?}");
        assert!(!server.wait().success());
        assert_eq!(account.fake.keys().len(), made_before, "{point}");
        comes_to_one_key(&account);
    }
}

#[test]
fn a_death_between_any_two_calls_to_aws_leaves_one_key() {
    for (operation, made_before) in [
        ("CreateKey", 1),
        ("CreateAlias", 1),
        ("GetPublicKey", 1),
        ("DescribeKey", 0),
    ] {
        let account = Account::empty();
        let mut server = account.serve(&[]);
        // AWS does what it is asked, and its answer finds nobody any more.
        account.fail(1, operation, Fault::Slow(Duration::from_secs(30)));
        let mut connection = server.connect();
        connection
            .start("POST", "/v1/keys", Some(GENERATE))
            .unwrap();
        eventually("the call to AWS", || {
            (account.count(operation) > 0).then_some(())
        });
        eventually("its effect", || {
            (account.fake.keys().len() == made_before).then_some(())
        });
        server.kill();
        comes_to_one_key(&account);
    }
}

#[test]
fn a_death_after_a_lost_answer_leaves_one_key() {
    let account = Account::empty();
    let mut server = account.serve(&[]);
    account.fail(1, "CreateKey", Fault::LoseAnswer);
    server.post("/v1/keys", GENERATE).expect_status(503);
    server.kill();
    comes_to_one_key(&account);
    assert_eq!(account.count("CreateKey"), 1);
}

#[test]
fn a_start_that_cannot_look_leaves_the_doubt_to_the_next_call() {
    let account = Account::empty();
    let mut server = account.serve(&[]);
    account.fail(1, "CreateKey", Fault::LoseAnswer);
    server.post("/v1/keys", GENERATE).expect_status(503);
    server.kill();
    // The service answers the checks of the start and no search.
    let denied = signer_cloud_fakes::aws::refusal(400, "AccessDeniedException", "no");
    account.fail(1000, "ListAliases", Fault::Answer(denied));
    let mut server = account.serve(&[]);
    let refused = server.post("/v1/keys", GENERATE);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    account.server.clear_faults();
    server.post("/v1/keys", GENERATE).expect_status(201);
    assert_eq!(account.fake.keys().len(), 1);
    assert!(server.terminate().success());
    comes_to_one_key(&account);
}
