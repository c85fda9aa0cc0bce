//! How many calls a provider makes at once, and how many a second.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use signer_domain::Deadline;
use signer_domain::ports::KeyProviderError;

use super::trouble::{Trouble, told_that};

/// How much of a key service one provider uses. Services refuse what exceeds a quota of the whole
/// account, so a provider stays below it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloudLimits {
    /// How many calls may be under way at once.
    pub max_in_flight: NonZeroUsize,
    /// How many calls may be begun in a second. As many may be begun at once after a quiet second.
    pub per_second: NonZeroU32,
}

impl CloudLimits {
    /// How many of the calls may be for one key: half of them, so that a hot key leaves the others
    /// room.
    pub fn for_one_key(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.max_in_flight.get() / 2).unwrap_or(NonZeroUsize::MIN)
    }
}

/// Keeps the calls of one provider within its limits and their deadlines.
#[derive(Debug)]
pub(in crate::providers) struct Pace {
    room: Semaphore,
    rate: DefaultDirectRateLimiter,
}

impl Pace {
    pub(in crate::providers) fn new(limits: CloudLimits) -> Self {
        Self {
            room: Semaphore::new(limits.max_in_flight.get()),
            rate: RateLimiter::direct(Quota::per_second(limits.per_second)),
        }
    }

    /// Makes a call when there is room for it, and waits for its answer no longer than the deadline.
    ///
    /// # Errors
    /// Those of the call; [`KeyProviderError::ProviderUnavailable`] when the deadline comes first, with
    /// an unknown outcome only if the call had begun.
    pub(in crate::providers) async fn call<T>(
        &self,
        deadline: Deadline,
        call: impl Future<Output = Result<T, KeyProviderError>>,
    ) -> Result<T, KeyProviderError> {
        let turn = async {
            // The semaphore is never closed.
            let room = self.room.acquire().await.ok();
            self.rate.until_ready().await;
            room
        };
        let Some(_room) = within(deadline, turn).await else {
            let sentence = "the limits of this provider left no room for the call in time";
            return Err(Trouble::Throttled(None).because(told_that(sentence)));
        };
        match within(deadline, call).await {
            Some(answer) => answer,
            None => Err(Trouble::Silent.because(told_that("the deadline has passed"))),
        }
    }
}

/// Without a look at the future when the deadline has passed already: nothing is begun then.
async fn within<T>(deadline: Deadline, work: impl Future<Output = T>) -> Option<T> {
    if deadline.remaining() == Duration::ZERO {
        return None;
    }
    tokio::time::timeout(deadline.remaining(), work).await.ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use super::*;

    fn limits(max_in_flight: usize, per_second: u32) -> CloudLimits {
        CloudLimits {
            max_in_flight: NonZeroUsize::new(max_in_flight).unwrap(),
            per_second: NonZeroU32::new(per_second).unwrap(),
        }
    }

    #[tokio::test]
    async fn no_more_calls_are_under_way_than_there_may_be() {
        let pace = Pace::new(limits(3, 1000));
        let (under_way, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let call = || async {
            let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        };
        let deadline = Deadline::after(Duration::from_secs(10));
        let calls = (0..20).map(|_| pace.call(deadline, call()));
        for outcome in futures_util::future::join_all(calls).await {
            outcome.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_call_that_finds_no_room_in_time_is_not_begun() {
        let pace = Pace::new(limits(1, 1000));
        let soon = Deadline::after(Duration::from_millis(20));
        let hang = pace.call(Deadline::after(Duration::from_secs(5)), async {
            std::future::pending::<Result<(), KeyProviderError>>().await
        });
        let begun = || -> Result<(), KeyProviderError> { panic!("it was begun") };
        let late = pace.call(soon, async { begun() });
        tokio::select! {
            biased;
            _ = hang => panic!("it returned"),
            refused = late => assert!(matches!(
                refused,
                Err(KeyProviderError::ProviderUnavailable { outcome_unknown: false, .. })
            )),
        }
    }

    #[tokio::test]
    async fn a_call_that_was_begun_leaves_doubt() {
        let pace = Pace::new(limits(1, 1000));
        let hang = std::future::pending::<Result<(), KeyProviderError>>();
        let refused = pace
            .call(Deadline::after(Duration::from_millis(20)), hang)
            .await;
        assert!(matches!(
            refused,
            Err(KeyProviderError::ProviderUnavailable {
                outcome_unknown: true,
                ..
            })
        ));
        pace.call(Deadline::after(Duration::from_secs(1)), async { Ok(()) })
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn calls_are_begun_no_faster_than_the_rate() {
        let pace = Pace::new(limits(100, 20));
        let deadline = Deadline::after(Duration::from_secs(10));
        let began = Instant::now();
        for _ in 0..30 {
            pace.call(deadline, async { Ok(()) }).await.unwrap();
        }
        // Twenty at once, and the rest one in 50 ms.
        assert!(
            began.elapsed() >= Duration::from_millis(450),
            "{:?}",
            began.elapsed()
        );
    }

    #[test]
    fn one_key_has_half_of_the_room() {
        let room = |all| limits(all, 1).for_one_key().get();
        assert_eq!([1, 2, 3, 64].map(room), [1, 1, 1, 32]);
    }
}
