//! A call that took effect although nobody heard so.

use std::time::Duration;

use signer_cloud_fakes::{Fault, gcp_refusal};
use signer_domain::ports::KeyProviderError::{KeyRetired, ProviderUnavailable};

use crate::stage::{Stage, assert_fails, is_create, is_sign, is_update};

#[tokio::test]
async fn a_pair_whose_answer_was_lost_is_adopted_and_not_made_twice() {
    let stage = Stage::new();
    stage.fake.server.inject(1, is_create, Fault::LoseAnswer);
    let key = stage.generate("k1").await.unwrap();
    assert_eq!(stage.count(is_create), 1, "nothing is made blindly again");
    assert_eq!(stage.fake.service.pairs(), 1);
    stage.sign(&key).await.unwrap();
    assert_eq!(stage.generate("k1").await.unwrap(), key);
}

#[tokio::test]
async fn a_pair_whose_answers_are_all_lost_is_adopted_by_the_next_generate() {
    let stage = Stage::new();
    stage.fake.server.inject(1, is_create, Fault::LoseAnswer);
    stage.spoil_all(Fault::Cut);
    assert_fails!(
        stage.generate("k1").await,
        ProviderUnavailable {
            outcome_unknown: true,
            ..
        }
    );
    stage.clear();
    let located = stage.locate("k1").await.unwrap().unwrap();
    assert_eq!(stage.generate("k1").await.unwrap(), located);
    assert_eq!(stage.fake.service.pairs(), 1);
}

#[tokio::test]
async fn a_pair_that_was_not_made_is_not_claimed() {
    let stage = Stage::new();
    let failing = gcp_refusal(503, "UNAVAILABLE", "try again");
    stage
        .fake
        .server
        .inject(1, is_create, Fault::Answer(failing));
    assert_fails!(
        stage.generate("k1").await,
        ProviderUnavailable {
            outcome_unknown: true,
            ..
        }
    );
    assert_eq!(stage.fake.service.pairs(), 0);
    assert_eq!(stage.locate("k1").await.unwrap(), None);
    stage.generate("k1").await.unwrap();
}

#[tokio::test]
async fn a_create_that_is_never_answered_ends_at_the_deadline_and_is_adopted_later() {
    let stage = Stage::new();
    let slow = Fault::Slow(Duration::from_secs(30));
    stage.fake.server.inject(1, is_create, slow);
    let patience = Duration::from_millis(500);
    assert_fails!(
        stage.generate_within("k1", patience).await,
        ProviderUnavailable {
            outcome_unknown: true,
            ..
        }
    );
    stage.generate("k1").await.unwrap();
    assert_eq!(stage.fake.service.pairs(), 1);
}

#[tokio::test]
async fn a_retirement_whose_answer_was_lost_is_done() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    stage.fake.server.inject(1, is_update, Fault::LoseAnswer);
    stage.retire(&key).await.unwrap();
    assert_fails!(stage.sign(&key).await, KeyRetired);
    assert_fails!(stage.generate("k1").await, KeyRetired);
}

#[tokio::test]
async fn a_signature_whose_answer_was_lost_is_made_again() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let first = stage.sign(&key).await.unwrap();
    stage.spoil_signs(1, Fault::LoseAnswer);
    assert_eq!(stage.sign(&key).await.unwrap(), first);
    assert_eq!(stage.count(is_sign), 3);
}
