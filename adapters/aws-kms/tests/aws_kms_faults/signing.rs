//! Signatures that are not what was asked for.

use signer_cloud_fakes::aws::{SignOtherwise, damaged, prehashed, with_another_key};
use signer_cloud_fakes::{Answer, Fault};
use signer_domain::ports::KeyProviderError;
use signer_verify::verifier_for;

use crate::stage::{Stage, digest};

#[tokio::test]
async fn a_signature_of_another_making_does_not_pass_the_verifier() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    let verifier = verifier_for(&made.public_key).unwrap();
    let ways: [SignOtherwise; 3] = [with_another_key, prehashed, damaged];
    for otherwise in ways {
        stage.fake.sign_otherwise(Some(otherwise));
        let signature = stage.sign(&made.handle_id).await.unwrap();
        assert!(!verifier.accepts(&digest(1), &signature));
    }
    stage.fake.sign_otherwise(None);
    let signature = stage.sign(&made.handle_id).await.unwrap();
    assert!(verifier.accepts(&digest(1), &signature));
}

/// The answer with another value of one field.
fn with(answer: &Answer, field: &str, value: &str) -> Answer {
    let mut document: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    document[field] = value.into();
    Answer::json(answer.status, &document)
}

#[tokio::test]
async fn an_answer_that_says_it_is_something_else_is_refused() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    let changes: [fn(Answer) -> Answer; 4] = [
        |answer| with(&answer, "SigningAlgorithm", "ED25519_PH_SHA_512"),
        |answer| {
            with(
                &answer,
                "KeyId",
                "arn:aws:kms:eu-central-1:123456789012:key/other",
            )
        },
        |answer| with(&answer, "Signature", "AAAA"),
        |mut answer| {
            answer.body = "<html>".into();
            answer
        },
    ];
    for change in changes {
        stage.fail(1, "Sign", Fault::Change(change));
        let refused = stage.sign(&made.handle_id).await.unwrap_err();
        let is_unavailable = matches!(refused, KeyProviderError::ProviderUnavailable { .. });
        assert!(is_unavailable, "{refused:?}");
        stage.sign(&made.handle_id).await.unwrap();
    }
}

#[tokio::test]
async fn a_public_key_of_another_kind_is_refused_and_the_key_not_made_again() {
    let stage = Stage::new().await;
    let other: fn(Answer) -> Answer = |answer| with(&answer, "KeySpec", "ECC_NIST_P256");
    stage.fail(1, "GetPublicKey", Fault::Change(other));
    stage.generate().await.unwrap_err();
    let made = stage.generate().await.unwrap();
    stage.only_key_is(&made);
    assert_eq!(stage.fake.keys().len(), 1);
}
