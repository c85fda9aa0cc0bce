//! Answers that are not what they should be.

use serde_json::{Value, json};
use signer_cloud_fakes::{Answer, Fault};
use signer_domain::Deadline;
use signer_domain::ports::KeyProvider as _;
use signer_domain::ports::KeyProviderError::ProviderUnavailable;

use crate::stage::{Stage, assert_fails, context, is_public_key, is_sign};

const UNEXPECTED: &str = "reading an unexpected answer of the key service";

/// The same answer with another value of a member.
fn with(answer: &Answer, member: &str, value: Value) -> Answer {
    let mut document: Value = serde_json::from_slice(&answer.body).unwrap();
    let members = document.as_object_mut().unwrap();
    members.insert(member.to_owned(), value);
    Answer::json(answer.status, &document)
}

/// Every way to spoil the answer to a sign that a checksum or a name tells.
const DAMAGES: [fn(Answer) -> Answer; 6] = [
    |answer| with(&answer, "signatureCrc32c", json!("1")),
    |answer| with(&answer, "signatureCrc32c", Value::Null),
    |answer| with(&answer, "signature", json!("AAAA")),
    |answer| with(&answer, "verifiedDataCrc32c", json!(false)),
    |answer| with(&answer, "verifiedDataCrc32c", Value::Null),
    |answer| with(&answer, "name", json!("projects/p/other")),
];

#[tokio::test]
async fn an_answer_that_is_damaged_once_is_asked_for_again() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let first = stage.sign(&key).await.unwrap();
    for damage in DAMAGES {
        let before = stage.count(is_sign);
        stage.spoil_signs(1, Fault::Change(damage));
        assert_eq!(stage.sign(&key).await.unwrap(), first);
        assert_eq!(stage.count(is_sign), before + 2);
    }
}

#[tokio::test]
async fn an_answer_that_is_damaged_again_is_not_taken() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    for damage in DAMAGES {
        stage.spoil_signs(2, Fault::Change(damage));
        assert_eq!(context(stage.sign(&key).await), UNEXPECTED);
        stage.sign(&key).await.unwrap();
    }
}

#[tokio::test]
async fn a_signature_of_another_length_is_not_taken_although_its_checksum_is_right() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    for length in [0, 63, 65, 72] {
        stage.fake.service.sign_with(move |_, _| vec![7; length]);
        assert_eq!(context(stage.sign(&key).await), UNEXPECTED);
    }
    stage.fake.service.sign_rightly();
    stage.sign(&key).await.unwrap();
}

#[tokio::test]
async fn a_public_key_that_is_damaged_or_of_another_form_is_not_taken() {
    const NOT_ED25519: u64 = 12;
    let stage = Stage::new();
    let damages: [fn(Answer) -> Answer; 4] = [
        |answer| with(&answer, "pemCrc32c", json!("1")),
        |answer| with(&answer, "pem", json!("-----BEGIN PUBLIC KEY-----")),
        |answer| with(&answer, "name", json!("projects/p/other")),
        |answer| with(&answer, "algorithm", json!(NOT_ED25519)),
    ];
    let key = stage.generate("k1").await.unwrap();
    let read = || {
        let deadline = Deadline::after(std::time::Duration::from_secs(20));
        stage.provider.public_key(&key.handle_id, deadline)
    };
    for damage in damages {
        let server = &stage.fake.server;
        server.inject(1, is_public_key, Fault::Change(damage));
        assert_eq!(read().await.unwrap(), key.public_key);
        server.inject(2, is_public_key, Fault::Change(damage));
        assert_eq!(context(read().await), UNEXPECTED);
    }
}

#[tokio::test]
async fn what_is_no_answer_of_the_service_is_not_taken() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let page = |status| {
        let mut page = Answer::json(status, &Value::Null).with("content-type", "text/html");
        page.body = "<html>sign in to this network</html>".into();
        page
    };
    // A page in the place of an answer does not mean that the key is gone.
    for status in [200, 302, 404, 418] {
        stage.spoil_signs(1, Fault::Answer(page(status)));
        assert_fails!(stage.sign(&key).await, ProviderUnavailable { .. });
    }
    stage.sign(&key).await.unwrap();
}
