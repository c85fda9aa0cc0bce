//! A service that is slow, silent, gone, or late with what it knows.

use std::time::{Duration, Instant};

use signer_cloud_fakes::{Fault, GcpVersionState, gcp_refusal};
use signer_domain::ports::KeyProviderError::ProviderUnavailable;

use crate::stage::{Stage, assert_fails, is_public_key, is_sign, is_update};

#[tokio::test]
async fn a_failure_that_passes_is_ridden_out() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    for fault in [
        Fault::Answer(gcp_refusal(503, "UNAVAILABLE", "try again")),
        Fault::Answer(gcp_refusal(500, "INTERNAL", "try again")),
        Fault::Cut,
        Fault::Slow(Duration::from_millis(300)),
    ] {
        stage.spoil_signs(1, fault);
        stage.sign(&key).await.unwrap();
    }
}

#[tokio::test]
async fn a_failure_that_stays_is_told_after_three_tries() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    for fault in [
        Fault::Answer(gcp_refusal(503, "UNAVAILABLE", "try again")),
        Fault::Cut,
    ] {
        let before = stage.count(is_sign);
        stage.spoil_all(fault);
        assert_fails!(stage.sign(&key).await, ProviderUnavailable { .. });
        assert_fails!(stage.check().await, ProviderUnavailable { .. });
        assert_eq!(stage.count(is_sign), before + 3);
        stage.clear();
        stage.sign(&key).await.unwrap();
    }
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_with_the_next_connection() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    stage.spoil_signs(1, Fault::Hang);
    let began = Instant::now();
    let patience = Duration::from_millis(400);
    assert_fails!(
        stage.sign_within(&key, patience).await,
        ProviderUnavailable { .. }
    );
    let took = began.elapsed();
    assert!((patience..patience * 4).contains(&took), "{took:?}");
    stage.sign(&key).await.unwrap();
}

#[tokio::test]
async fn silence_is_given_up_before_a_deadline_that_is_far() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    stage.spoil_signs(1, Fault::Hang);
    let began = Instant::now();
    stage.sign(&key).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(stage.count(is_sign), 2);
}

#[tokio::test]
async fn a_service_that_is_gone_is_told_quickly_and_found_again() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    stage.fake.server.stop();
    let began = Instant::now();
    let gone = stage.sign(&key).await.unwrap_err().to_string();
    assert!(gone.contains("connecting to the key service"), "{gone}");
    assert!(began.elapsed() < Duration::from_secs(5));
    stage.fake.server.resume();
    stage.sign(&key).await.unwrap();
}

#[tokio::test]
async fn a_pair_that_is_being_generated_is_waited_for() {
    let stage = Stage::new();
    stage.fake.service.generate_slowly(3);
    let key = stage.generate("k1").await.unwrap();
    stage.sign(&key).await.unwrap();
    assert_eq!(stage.fake.service.pairs(), 1);
}

#[tokio::test]
async fn a_pair_that_is_being_generated_for_too_long_is_adopted_later() {
    let stage = Stage::new();
    stage.fake.service.generate_slowly(1000);
    let patience = Duration::from_millis(400);
    let began = Instant::now();
    assert_fails!(
        stage.generate_within("k1", patience).await,
        ProviderUnavailable {
            outcome_unknown: true,
            ..
        }
    );
    assert!(began.elapsed() < patience * 4);
    let crypto_key = stage.fake.service.crypto_keys().remove(0);
    stage
        .fake
        .service
        .set_state(&crypto_key, GcpVersionState::Enabled);
    let key = stage.generate("k1").await.unwrap();
    assert_eq!(Stage::crypto_key(&key), crypto_key);
}

#[tokio::test]
async fn a_sign_that_meets_a_pair_being_generated_is_not_told_that_it_is_retired() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let crypto_key = Stage::crypto_key(&key);
    let service = &stage.fake.service;
    service.generate_slowly(1000);
    service.set_state(&crypto_key, GcpVersionState::PendingGeneration);
    assert_fails!(stage.sign(&key).await, ProviderUnavailable { .. });
    service.set_state(&crypto_key, GcpVersionState::Enabled);
    stage.sign(&key).await.unwrap();
}

#[tokio::test]
async fn a_public_key_that_the_service_shows_late_is_waited_for() {
    let stage = Stage::new();
    let late = gcp_refusal(404, "NOT_FOUND", "no such version");
    stage
        .fake
        .server
        .inject(2, is_public_key, Fault::Answer(late));
    stage.generate("k1").await.unwrap();
}

#[tokio::test]
async fn a_retirement_is_believed_when_it_is_seen() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    // Says yes and does nothing, twice.
    let yes = signer_cloud_fakes::Answer::json(200, &serde_json::json!({}));
    stage.fake.server.inject(2, is_update, Fault::Answer(yes));
    stage.retire(&key).await.unwrap();
    assert_eq!(stage.count(is_update), 3);
    assert_fails!(
        stage.sign(&key).await,
        signer_domain::ports::KeyProviderError::KeyRetired
    );
}
