//! Keys in the vault that somebody has changed.

use serde_json::json;
use signer_cloud_fakes::{Answer, Fault};

use super::harness::{Envelope, Harness};
use crate::suite::Installation as _;
use crate::suite::service::{Call, Served as _};

const DIGEST: [u8; 64] = [7; 64];

/// Whoever may change the tags of a key can put another key there, with its public half. The registry
/// knows better.
#[test]
fn a_key_that_was_exchanged_in_the_vault_signs_nothing() {
    let harness = Harness::<Envelope>::new();
    let mut server = harness.serve(&[]);
    let (victim, other) = (server.make("victim"), server.make("other"));
    assert!(server.terminate().success());
    let name = |handle: &str| {
        let (name, _version) = handle
            .trim_start_matches("azure-kv:")
            .split_once('/')
            .unwrap();
        name.to_owned()
    };
    let foreign = harness.vault.tags(&name(&other.handle_id));
    harness
        .vault
        .change_tags(&name(&victim.handle_id), |tags| *tags = foreign);
    let server = harness.serve(&[]);
    let refused = server.sign(&victim, &DIGEST);
    assert_ne!(refused.status, 200, "{refused:?}");
    let signed = server.sign(&other, &DIGEST).expect_status(200);
    assert!(other.has_signed(&DIGEST, &signed));
}

/// In an envelope the custodian signs by itself, so what can be wrong is the key that the vault decrypts.
#[test]
fn an_envelope_that_holds_another_key_signs_nothing() {
    let harness = Harness::<Envelope>::new();
    let server = harness.serve(&[]);
    let key = server.make("k1");
    for seed in ["CQ".repeat(32), "CQkJ".to_owned(), "A".repeat(43)] {
        let answer = Answer::json(200, &json!({ "kid": "k", "value": seed }));
        harness.fail(usize::MAX, Call::Sign, Fault::Answer(answer));
        let refused = server.sign(&key, &DIGEST);
        assert!(refused.status >= 500, "{seed}: {refused:?}");
        assert!(!refused.text().contains("signature\":"), "{refused:?}");
        harness.server.clear_faults();
        let signed = server.sign(&key, &DIGEST).expect_status(200);
        assert!(key.has_signed(&DIGEST, &signed));
    }
}
