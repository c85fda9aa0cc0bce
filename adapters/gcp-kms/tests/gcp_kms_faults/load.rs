//! Many calls at once, and a service that wants fewer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use signer_cloud_fakes::{Answer, Fault, gcp_refusal};
use signer_domain::ports::KeyProviderError;

use crate::busy;
use crate::stage::{Stage, is_sign};

fn throttled() -> Answer {
    gcp_refusal(429, "RESOURCE_EXHAUSTED", "Quota exceeded.")
}

fn retry_after(outcome: Result<impl std::fmt::Debug, KeyProviderError>) -> Duration {
    match outcome {
        Err(KeyProviderError::ProviderUnavailable {
            retry_after,
            outcome_unknown: false,
            ..
        }) => retry_after,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_signs_by_one_key_overlap() {
    let stage = Arc::new(Stage::new());
    let key = stage.generate("k1").await.unwrap();
    let first = stage.sign(&key).await.unwrap();
    stage.fake.server.set_latency(Duration::from_millis(50));
    let began = Instant::now();
    let mut signers = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (stage, key) = (Arc::clone(&stage), key.clone());
        signers.spawn(async move { stage.sign(&key).await });
    }
    for signature in signers.join_all().await {
        assert_eq!(signature.unwrap(), first);
    }
    // One after the other they would take five seconds at the least.
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(stage.count(is_sign), 101);
}

#[tokio::test]
async fn throttling_is_passed_on_at_once_with_the_hint_of_the_service() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let of_header = throttled().with("retry-after", "7");
    let of_body = Answer::json(
        429,
        &json!({ "error": {
            "code": 429,
            "status": "RESOURCE_EXHAUSTED",
            "message": "Quota exceeded.",
            "details": [{
                "@type": "type.googleapis.com/google.rpc.RetryInfo",
                "retryDelay": "9s",
            }],
        }}),
    );
    for (answer, seconds) in [(throttled(), 1), (of_header, 7), (of_body, 9)] {
        let before = stage.count(is_sign);
        stage.spoil_signs(1, Fault::Answer(answer));
        let wait = retry_after(stage.sign(&key).await);
        assert_eq!(wait, Duration::from_secs(seconds));
        assert_eq!(stage.count(is_sign), before + 1, "a storm is not fed");
        stage.sign(&key).await.unwrap();
    }
}

#[tokio::test]
async fn a_storm_of_refusals_ends_with_the_storm() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    stage.spoil_all(Fault::Answer(throttled()));
    for _ in 0..20 {
        retry_after(stage.sign(&key).await);
    }
    retry_after(stage.generate("k2").await);
    retry_after(stage.check().await);
    stage.clear();
    stage.sign(&key).await.unwrap();
    stage.generate("k2").await.unwrap();
}

#[tokio::test]
async fn a_provider_that_many_ask_to_sign_is_found_well_and_retires_at_once() {
    let stage = Stage::with(|settings| settings.limits = busy::LIMITS);
    let key = stage.generate("k1").await.unwrap();
    busy::assert_is_well_and_retires(Arc::new(stage.provider), &key).await;
}
