//! Vaults that answer with something else than was asked for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use signer_azure_kv::AzureKvMode;
use signer_cloud_fakes::{Answer, Fault};
use signer_domain::ports::KeyProvider as _;
use signer_domain::ports::KeyProviderError::{Misconfigured, ProviderUnavailable};

use crate::subject::{DIGEST, Subject, assert_told, generate, is_right, name_in, soon};

fn changed(answer: &Answer, change: impl FnOnce(&mut Value)) -> Answer {
    let mut document: Value = serde_json::from_slice(&answer.body).unwrap();
    change(&mut document);
    Answer::json(answer.status, &document)
}

#[tokio::test]
async fn an_encrypted_key_of_another_key_never_signs() {
    let subject = Subject::with_envelopes();
    let (one, other) = (
        subject.generate("k1").await.unwrap(),
        subject.generate("k2").await.unwrap(),
    );
    let vault = &subject.stage.vault;
    let (ours, theirs) = (
        vault.tags(name_in(&one.handle_id)),
        vault.tags(name_in(&other.handle_id)),
    );
    vault.change_tags(name_in(&one.handle_id), |tags| {
        for (name, value) in &theirs {
            if name.starts_with("plexsphere-sealed-key") {
                tags.insert(name.clone(), value.clone());
            }
        }
    });
    let reopened = subject.stage.open(AzureKvMode::Envelope);
    let outcome = reopened.sign(&one.handle_id, &DIGEST, soon()).await;
    assert_told!(outcome, Misconfigured { .. }, "not that key");
    // Nor is it taken for one that was made before.
    let outcome = generate(&reopened, "k1").await;
    assert_told!(outcome, Misconfigured { .. }, "not that key");

    vault.change_tags(name_in(&one.handle_id), std::collections::HashMap::clear);
    let outcome = reopened.sign(&one.handle_id, &DIGEST, soon()).await;
    assert_told!(outcome, Misconfigured { .. }, "missing or damaged");
    vault.change_tags(name_in(&one.handle_id), |tags| *tags = ours);
    let signature = reopened.sign(&one.handle_id, &DIGEST, soon()).await;
    assert!(is_right(&one, &signature.unwrap()));
}

/// The plaintext is another key, so the vault has decrypted something else than it was given.
#[tokio::test]
async fn a_decrypted_key_that_is_another_never_signs() {
    let subject = Subject::with_envelopes();
    let key = subject.generate("k1").await.unwrap();
    for value in [[9; 32].as_slice(), &[9; 31], &[]] {
        let text = URL_SAFE_NO_PAD.encode(value);
        let answer = Answer::json(200, &json!({ "kid": "k", "value": text }));
        subject.inject(2, "unwrapkey", Fault::Answer(answer));
        subject.sign(&key).await.unwrap_err();
        subject.stage.server.clear_faults();
        subject.assert_signs(&key).await;
    }
}

#[tokio::test]
async fn an_answer_by_another_key_or_of_another_length_is_none() {
    let subject = Subject::native();
    let key = subject.generate("k1").await.unwrap();
    let by_another = Fault::Change(|answer| {
        changed(&answer, |it| {
            let id = it["kid"].as_str().unwrap().to_owned();
            it["kid"] = json!(format!("{}0000", &id[..id.len() - 4]));
        })
    });
    subject.inject(1, "sign", by_another);
    assert_told!(
        subject.sign(&key).await,
        ProviderUnavailable { .. },
        "unexpected"
    );
    let shorter = Fault::Change(|answer| changed(&answer, |it| it["value"] = json!("AAAA")));
    subject.inject(1, "sign", shorter);
    assert_told!(
        subject.sign(&key).await,
        ProviderUnavailable { .. },
        "unexpected"
    );
    let garbled = Fault::Answer(Answer::json(200, &json!("<html>")));
    subject.inject(1, "sign", garbled);
    assert_told!(
        subject.sign(&key).await,
        ProviderUnavailable { .. },
        "unexpected"
    );
    subject.assert_signs(&key).await;
}

/// A point of P-256 is as long as one of Ed25519.
#[tokio::test]
async fn a_key_of_another_curve_is_not_taken_for_ours() {
    let subject = Subject::native();
    let of_another_curve = Fault::Change(|answer| {
        changed(&answer, |it| {
            it["key"]["crv"] = json!("P-256");
            it["key"]["kty"] = json!("EC-HSM");
        })
    });
    let key = subject.generate("k1").await.unwrap();
    subject.inject(1, "get", of_another_curve);
    let outcome = subject.provider.public_key(&key.handle_id, soon()).await;
    assert_told!(outcome, Misconfigured { .. }, "no Ed25519 key");
}

#[tokio::test]
async fn a_name_that_was_used_in_the_other_mode_is_not_used_again() {
    let subject = Subject::native();
    subject.generate("k1").await.unwrap();
    let enveloping = subject.stage.open(AzureKvMode::Envelope);
    let outcome = generate(&enveloping, "k1").await;
    assert_told!(outcome, Misconfigured { .. }, "another mode");
    generate(&enveloping, "k2").await.unwrap();
    assert_told!(
        subject.generate("k2").await,
        Misconfigured { .. },
        "another mode"
    );
}

/// A vault whose signatures are no good is not ready.
#[tokio::test]
async fn a_vault_that_signs_otherwise_does_not_pass_the_check() {
    let subject = Subject::native();
    let wrong = Fault::Change(|answer| {
        changed(&answer, |it| {
            it["value"] = json!(URL_SAFE_NO_PAD.encode([7; 64]));
        })
    });
    subject.inject(1, "sign", wrong);
    subject.check().await.unwrap_err();
    subject.check().await.unwrap();
}
