//! Keys live in the account and outlive everything else.

use std::fs;

use signer_cloud_fakes::Fault;
use signer_cloud_fakes::aws::{SignOtherwise, damaged, prehashed, with_another_key};
use signer_test_support::{PublishedKey, openssl_verifies, sign_request};

use super::account::Account;

#[test]
fn a_key_signs_what_openssl_verifies() {
    let account = Account::empty();
    let server = account.serve(&[]);
    let document = server.generate("k1").json();
    let handle = document["handle_id"].as_str().unwrap();
    assert_eq!(handle, format!("aws-kms:{}", account.fake.keys()[0].arn));
    assert_eq!(document["provider"], "aws-kms");

    openssl_verifies(&server, &account.place, ["--scope", "platform"], handle);
}

#[test]
fn keys_and_retirements_outlive_the_process_and_its_registry() {
    let account = Account::empty();
    let mut server = account.serve(&["--aws-alias-prefix", "acme/signer"]);
    let kept = PublishedKey::of(&server.generate("kept").json());
    let gone = PublishedKey::of(&server.generate("gone").json());
    let retire = format!("{}/retire", gone.path());
    server.post(&retire, "").expect_status(200);
    server.post(&retire, "").expect_status(200);
    let sign = |key: &PublishedKey| format!("{}/sign", key.path());
    let refused = server.post(&sign(&gone), &sign_request(&[7; 64]));
    assert_eq!(
        (refused.status, refused.problem_code().as_str()),
        (410, "key_retired")
    );
    assert!(server.terminate().success());
    let keys = account.fake.keys();
    assert_eq!((keys[0].state, keys[1].state), ("Enabled", "Disabled"));
    let alias = keys[0].alias.as_deref().unwrap();
    assert!(alias.starts_with("alias/acme/signer/k-"), "{alias}");

    let mut server = account.serve(&["--aws-alias-prefix", "acme/signer"]);
    let signed = server.post(&sign(&kept), &sign_request(&[7; 64]));
    assert!(kept.has_signed(&[7; 64], &signed.expect_status(200)));
    server
        .post(&sign(&gone), &sign_request(&[7; 64]))
        .expect_status(410);
    // AWS does not show the public half of a disabled key. The registry does.
    let shown = server.get(&format!("{}/public-key", gone.path()));
    assert_eq!(
        shown.expect_status(200).json()["public_key"],
        gone.public_key
    );
    assert!(server.terminate().success());

    // Without its registry a custodian still makes no second key of a name. The audit log tells of
    // that registry, so it has to be put away as well.
    fs::remove_file(account.place.registry()).unwrap();
    for name in account.place.names() {
        if name.starts_with("audit.jsonl") {
            fs::remove_file(account.place.file(&name)).unwrap();
        }
    }
    let server = account.serve(&["--aws-alias-prefix", "acme/signer"]);
    assert_eq!(PublishedKey::of(&server.generate("kept").json()), kept);
    let refused = server.post("/v1/keys", r#"{"scope":"platform","key_id":"gone"}"#);
    assert_eq!(refused.problem_code(), "key_retired");
    assert_eq!(account.fake.keys().len(), 2);
}

#[test]
fn a_signature_that_is_not_the_keys_is_never_released() {
    let account = Account::empty();
    let server = account.serve(&[]);
    let sign = |key: &PublishedKey| {
        let path = format!("{}/sign", key.path());
        server.post(&path, &sign_request(&[7; 64]))
    };
    // A key of its own for each: one that has failed is asked for nothing any more.
    let otherwise: [(&str, SignOtherwise); 3] =
        [("k1", with_another_key), ("k2", prehashed), ("k3", damaged)];
    for (number, (key_id, how)) in otherwise.into_iter().enumerate() {
        let key = PublishedKey::of(&server.generate(key_id).json());
        account.fake.sign_otherwise(Some(how));
        let refused = sign(&key);
        // Asked once more, and then no more.
        let asked = 2 * (number + 1);
        assert_eq!((refused.status, account.count("Sign")), (500, asked));
        assert_eq!(refused.problem_code(), "signature_check_failed");
    }
    account.fake.sign_otherwise(None);
    let key = PublishedKey::of(&server.generate("k4").json());
    assert!(key.has_signed(&[7; 64], &sign(&key).expect_status(200)));
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again_and_makes_no_second_key() {
    let account = Account::empty();
    let server = account.serve(&[]);
    account.fail(1, "CreateKey", Fault::LoseAnswer);
    let request = r#"{"scope":"platform","key_id":"k1"}"#;
    let refused = server.post("/v1/keys", request);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    let made = server.post("/v1/keys", request).expect_status(201).json();
    assert_eq!(account.fake.keys().len(), 1);
    assert_eq!(account.count("CreateKey"), 1);
    let again = server.post("/v1/keys", request).expect_status(200).json();
    assert_eq!(again, made);
}
