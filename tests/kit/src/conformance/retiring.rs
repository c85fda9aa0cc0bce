//! Cases on `retire`.

use signer_domain::ports::KeyProviderError;
use tokio::task::JoinSet;

use super::Fixture;
use super::oracle::assert_accepted;
use super::subject::{Subject, assert_fails, digest};

/// The private half is out of use.
pub async fn a_retired_key_does_not_sign<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    subject.sign(&key.handle_id, &digest(1)).await.unwrap();
    subject.retire(&key.handle_id).await.unwrap();
    for _ in 0..2 {
        assert_fails!(
            subject.sign(&key.handle_id, &digest(1)).await,
            KeyProviderError::KeyRetired
        );
    }
}

/// `retire` is idempotent, and a second one changes nothing.
pub async fn retiring_again_succeeds<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    for _ in 0..3 {
        subject.retire(&key.handle_id).await.unwrap();
    }
    assert_fails!(
        subject.sign(&key.handle_id, &digest(1)).await,
        KeyProviderError::KeyRetired
    );
}

/// Whoever comes second is not told that there was no key.
pub async fn concurrent_retires_all_succeed<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let mut askers = JoinSet::new();
    for _ in 0..8 {
        let (subject, handle) = (subject.clone(), key.handle_id.clone());
        askers.spawn(async move { subject.retire(&handle).await });
    }
    for outcome in askers.join_all().await {
        outcome.unwrap();
    }
}

/// Retirement stops at the key.
pub async fn retiring_one_key_leaves_the_others<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let (one, other) = (subject.key("k1").await, subject.key("k2").await);
    subject.retire(&one.handle_id).await.unwrap();
    let signature = subject.sign(&other.handle_id, &digest(1)).await.unwrap();
    assert_accepted(&other.public_key, &digest(1), &signature);
    assert_eq!(subject.key("k2").await, other);
}

/// A name is used once for all time.
pub async fn a_retired_name_is_not_generated_again<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    subject.retire(&key.handle_id).await.unwrap();
    for _ in 0..2 {
        assert_fails!(subject.generate("k1").await, KeyProviderError::KeyRetired);
    }
    assert_fails!(
        subject.sign(&key.handle_id, &digest(1)).await,
        KeyProviderError::KeyRetired
    );
}

/// A provider may still show it or say that the key is retired, but never show another.
pub async fn the_public_half_of_a_retired_key_never_changes<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    subject.retire(&key.handle_id).await.unwrap();
    match subject.public_key(&key.handle_id).await {
        Ok(public_key) => assert_eq!(public_key, key.public_key),
        refused => {
            assert_fails!(refused, KeyProviderError::KeyRetired);
        }
    }
}

/// A sign that meets a retire half-way ends well or not at all.
pub async fn signs_that_race_a_retire_are_right_or_refused<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let mut signers = JoinSet::new();
    for number in 0..24 {
        let (subject, handle) = (subject.clone(), key.handle_id.clone());
        signers.spawn(async move {
            if number == 12 {
                subject.retire(&handle).await.unwrap();
            }
            (number, subject.sign(&handle, &digest(number)).await)
        });
    }
    for (number, outcome) in signers.join_all().await {
        match outcome {
            Ok(signature) => assert_accepted(&key.public_key, &digest(number), &signature),
            refused => {
                assert_fails!(refused, KeyProviderError::KeyRetired);
            }
        }
    }
}

/// Once the retire is answered, the key is out of use for everyone.
pub async fn no_sign_that_starts_after_a_retire_succeeds<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let mut signers = JoinSet::new();
    for number in 0..8 {
        let (subject, handle) = (subject.clone(), key.handle_id.clone());
        signers.spawn(async move {
            while subject.sign(&handle, &digest(number)).await.is_ok() {
                tokio::task::yield_now().await;
            }
        });
    }
    subject.retire(&key.handle_id).await.unwrap();
    for number in 0..8 {
        assert_fails!(
            subject.sign(&key.handle_id, &digest(number)).await,
            KeyProviderError::KeyRetired
        );
    }
    // Each signer ends with its first refusal, and nothing revives the key for the others.
    signers.join_all().await;
}
