//! A call that took effect although nobody heard so.

use std::time::Duration;

use signer_cloud_fakes::{Fault, Request, gcp_refusal};
use signer_domain::ports::KeyProviderError::{KeyRetired, Misconfigured, ProviderUnavailable};

use crate::stage::{Stage, assert_fails, is_create, is_look, is_public_key, is_sign, is_update};

/// What a service says that certainly did nothing, this time.
fn refusals() -> [Fault; 3] {
    [
        gcp_refusal(429, "RESOURCE_EXHAUSTED", "quota"),
        gcp_refusal(403, "PERMISSION_DENIED", "no"),
        gcp_refusal(401, "UNAUTHENTICATED", "no"),
    ]
    .map(Fault::Answer)
}

/// Asserts that nobody may conclude that nothing was done.
macro_rules! assert_leaves_doubt {
    ($outcome:expr) => {
        assert_fails!(
            $outcome,
            ProviderUnavailable {
                outcome_unknown: true,
                ..
            }
        );
    };
}

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

#[tokio::test]
async fn a_pair_that_was_made_and_cannot_be_looked_at_leaves_doubt() {
    for refusal in refusals() {
        let stage = Stage::new();
        let server = &stage.fake.server;
        let reads: [fn(&Request) -> bool; 2] = [is_look, is_public_key];
        for is_read in reads {
            // The first of them made the pair, and the second found it there.
            server.inject(usize::MAX, is_read, refusal.clone());
            assert_leaves_doubt!(stage.generate("k1").await);
            stage.clear();
        }
        assert_eq!(stage.fake.service.pairs(), 1);
        stage.generate("k1").await.unwrap();
    }
}

#[tokio::test]
async fn a_pair_that_was_made_in_the_last_moment_leaves_doubt() {
    let stage = Stage::with(|settings| {
        settings.limits.per_second = std::num::NonZeroU32::MIN;
    });
    // There is no room for a look within the deadline.
    let patience = Duration::from_millis(500);
    assert_leaves_doubt!(stage.generate_within("k1", patience).await);
    assert_eq!(stage.fake.service.pairs(), 1);
}

#[tokio::test]
async fn a_retirement_that_was_ordered_and_cannot_be_looked_at_leaves_doubt() {
    for refusal in refusals() {
        let stage = Stage::new();
        let key = stage.generate("k1").await.unwrap();
        let server = &stage.fake.server;
        let updates = std::sync::atomic::AtomicUsize::new(0);
        // The look before the order is answered, and those after it are not.
        server.inject(
            usize::MAX,
            move |request| {
                use std::sync::atomic::Ordering::SeqCst;
                let ordered = updates.fetch_add(usize::from(is_update(request)), SeqCst);
                is_look(request) && ordered > 0
            },
            refusal,
        );
        assert_leaves_doubt!(stage.retire(&key).await);
        stage.clear();
        stage.retire(&key).await.unwrap();
        assert_fails!(stage.sign(&key).await, KeyRetired);
    }
}

#[tokio::test]
async fn a_later_refusal_does_not_hide_that_an_earlier_try_may_have_worked() {
    for refusal in refusals() {
        let stage = Stage::new();
        let key = stage.generate("k1").await.unwrap();
        let server = &stage.fake.server;
        server.inject(1, is_update, Fault::LoseAnswer);
        server.inject(2, is_update, refusal);
        assert_leaves_doubt!(stage.retire(&key).await);
    }
}

#[tokio::test]
async fn a_retirement_that_was_refused_from_the_first_leaves_no_doubt() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let denied = gcp_refusal(403, "PERMISSION_DENIED", "no");
    let server = &stage.fake.server;
    server.inject(usize::MAX, is_update, Fault::Answer(denied));
    assert_fails!(stage.retire(&key).await, Misconfigured { .. });
    stage.clear();
    stage.sign(&key).await.unwrap();
}

#[tokio::test]
async fn a_create_that_arrives_late_is_located_all_the_same() {
    let stage = Stage::new();
    // What a process asked for before it died is under way while its successor looks.
    let late = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        stage.generate("k1").await.unwrap()
    };
    let (located, made) = tokio::join!(stage.locate("k1"), late);
    assert_eq!(located.unwrap(), Some(made));
}

#[tokio::test]
async fn an_absence_that_cannot_be_looked_at_twice_is_not_believed() {
    let stage = Stage::new();
    let patience = Duration::from_millis(500);
    assert_fails!(
        stage.locate_within("k1", patience).await,
        ProviderUnavailable { .. }
    );
    assert_eq!(stage.locate("k1").await.unwrap(), None);
}
