//! What only an operator can put right, and that it is enough to put it right.

use signer_cloud_fakes::{Answer, Fault, gcp_refusal};
use signer_domain::Deadline;
use signer_domain::ports::KeyProvider as _;
use signer_domain::ports::KeyProviderError::{KeyNotFound, Misconfigured};
use signer_gcp_kms::GcpKmsProvider;

use crate::stage::{Stage, assert_fails, context, is_create};
use crate::support::{KEY_RING, absent_handle};

fn unauthenticated() -> Answer {
    gcp_refusal(401, "UNAUTHENTICATED", "invalid authentication credentials")
}

fn denied() -> Answer {
    gcp_refusal(403, "PERMISSION_DENIED", "permission denied")
}

#[tokio::test]
async fn refused_credentials_and_missing_permissions_are_told_apart_and_heal() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    for (answer, said) in [
        (unauthenticated(), "its credentials are missing"),
        (denied(), "its permissions do not allow"),
    ] {
        stage.spoil_all(Fault::Answer(answer));
        let contexts = [
            context(stage.sign(&key).await),
            context(stage.generate("k2").await),
            context(stage.retire(&key).await),
            context(stage.locate("k2").await),
            context(stage.check().await),
        ];
        for context in contexts {
            assert!(context.contains(said), "{context}");
        }
        assert_fails!(stage.check().await, Misconfigured { .. });
        stage.clear();
        stage.check().await.unwrap();
        stage.sign(&key).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_the_service_says_is_in_the_error_that_a_caller_may_see() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let text = "text-of-the-vendor";
    for answer in [
        gcp_refusal(403, "PERMISSION_DENIED", text),
        gcp_refusal(401, "UNAUTHENTICATED", text),
        gcp_refusal(500, "INTERNAL", text),
        gcp_refusal(400, "INVALID_ARGUMENT", text),
        gcp_refusal(429, "RESOURCE_EXHAUSTED", text),
    ] {
        stage.spoil_signs(3, Fault::Answer(answer));
        let error = stage.sign(&key).await.unwrap_err();
        assert!(!error.to_string().contains(text), "{error}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(text), "the log has it: {cause}");
        stage.clear();
    }
}

#[tokio::test]
async fn a_key_ring_that_is_not_there_is_told_by_the_check_and_by_generate() {
    let ring = format!("{KEY_RING}-of-somebody-else");
    let stage = Stage::with(|settings| settings.key_ring = ring.parse().unwrap());
    let said = "there is none of this name";
    for context in [
        context(stage.check().await),
        context(stage.generate("k1").await),
    ] {
        assert!(context.contains(said), "{context}");
    }
}

#[tokio::test]
async fn a_request_that_the_service_does_not_take_is_told() {
    let stage = Stage::new();
    let refusal = gcp_refusal(400, "INVALID_ARGUMENT", "not supported in this location");
    stage
        .fake
        .server
        .inject(1, is_create, Fault::Answer(refusal));
    let context = context(stage.generate("k1").await);
    assert!(
        context.contains("the location of the key ring"),
        "{context}"
    );
    stage.generate("k1").await.unwrap();
}

#[tokio::test]
async fn a_level_at_which_google_has_no_ed25519_is_told_with_the_cure_until_it_has() {
    let stage = Stage::of_hsm_level();
    stage.check().await.unwrap();
    assert_eq!(stage.provider.warnings(), [""; 0], "nothing is known yet");
    assert_fails!(stage.generate("k1").await, Misconfigured { .. });
    let context = context(stage.generate("k1").await);
    assert!(
        context.contains("use --gcp-protection-level software"),
        "{context}"
    );
    stage.check().await.unwrap();
    assert_eq!(stage.provider.warnings(), [context]);
    stage.fake.service.offer_hsm();
    let key = stage.generate("k1").await.unwrap();
    stage.sign(&key).await.unwrap();
    assert_eq!(stage.provider.warnings(), [""; 0]);
}

#[tokio::test]
async fn a_handle_of_another_key_ring_costs_no_call() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let mut settings = stage.fake.settings();
    settings.key_ring = format!("{KEY_RING}-of-somebody-else").parse().unwrap();
    let other = GcpKmsProvider::new(settings);
    let deadline = Deadline::after(std::time::Duration::from_secs(5));
    let before = stage.count(|_| true);
    assert_fails!(
        other.public_key(&key.handle_id, deadline).await,
        KeyNotFound
    );
    // Not "not found": the key signs there as before, and must not be recorded as retired.
    let context = context(other.retire(&key.handle_id, deadline).await);
    assert!(context.contains("another key ring"), "{context}");
    assert_fails!(
        other.public_key(&absent_handle(), deadline).await,
        KeyNotFound
    );
    assert_eq!(stage.count(|_| true), before);
}
