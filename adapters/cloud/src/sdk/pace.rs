//! How many calls a provider makes at once, and how many a second.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Mutex, Semaphore, SemaphorePermit};

use signer_domain::Deadline;
use signer_domain::ports::KeyProviderError;
use signer_module::{Flag, Refusal, Settings};

use super::trouble::{Trouble, told_that};

/// How much of a key service one provider uses. Services refuse what exceeds a quota of the whole
/// account, so a provider stays below it by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloudLimits {
    /// How many signatures may be under way at once.
    pub max_in_flight: NonZeroUsize,
    /// How many calls may be begun in a second. As many may be begun at once after a quiet second.
    pub per_second: NonZeroU32,
}

impl CloudLimits {
    /// What the settings of a provider say, by its two flags.
    ///
    /// # Errors
    /// When one is not of its form.
    pub fn read(settings: &Settings, at_once: &Flag, per_second: &Flag) -> Result<Self, Refusal> {
        Ok(Self {
            max_in_flight: settings.required(at_once)?,
            per_second: settings.required(per_second)?,
        })
    }

    /// How many of the signatures may be by one key: half of them, so that a hot key leaves the others
    /// room.
    pub fn for_one_key(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.max_in_flight.get() / 2).unwrap_or(NonZeroUsize::MIN)
    }
}

/// How many calls may be under way at once that are not for signatures.
const OTHERS_AT_ONCE: usize = 8;

/// Keeps the calls of one provider within its limits and their deadlines.
///
/// However many signatures wait, a call of another kind begins after the next of them: a busy provider
/// is not mistaken for one that is down, and a key can be retired while many ask for its signatures.
#[derive(Debug, Clone)]
pub struct Pace {
    lanes: Arc<Lanes>,
    is_for_signatures: bool,
}

#[derive(Debug)]
struct Lanes {
    room_for_signatures: Semaphore,
    room_for_others: Semaphore,
    /// Whose signature is the next: only one signature at a time waits for its turn.
    next_signature: Mutex<()>,
    /// Whose turn it is to wait for the rate, first come, first served.
    turn: Mutex<()>,
    rate: DefaultDirectRateLimiter,
}

impl Pace {
    /// For calls of every kind but signatures.
    pub fn new(limits: CloudLimits) -> Self {
        let lanes = Lanes {
            room_for_signatures: Semaphore::new(limits.max_in_flight.get()),
            room_for_others: Semaphore::new(OTHERS_AT_ONCE),
            next_signature: Mutex::default(),
            turn: Mutex::default(),
            rate: RateLimiter::direct(Quota::per_second(limits.per_second)),
        };
        Self {
            lanes: Arc::new(lanes),
            is_for_signatures: false,
        }
    }

    /// For signatures, within the same limits.
    #[must_use]
    pub fn for_signatures(&self) -> Self {
        Self {
            lanes: Arc::clone(&self.lanes),
            is_for_signatures: true,
        }
    }

    /// Makes a call when there is room for it, and waits for its answer no longer than the deadline.
    ///
    /// # Errors
    /// Those of the call; [`KeyProviderError::ProviderUnavailable`] when the deadline comes first, with
    /// an unknown outcome only if the call had begun.
    pub async fn call<T>(
        &self,
        deadline: Deadline,
        call: impl Future<Output = Result<T, KeyProviderError>>,
    ) -> Result<T, KeyProviderError> {
        let Some(_room) = within(deadline, self.turn()).await else {
            let sentence = "the limits of this provider left no room for the call in time";
            return Err(Trouble::Throttled(None).because(told_that(sentence)));
        };
        match within(deadline, call).await {
            Some(answer) => answer,
            None => Err(Trouble::Silent.because(told_that("the deadline has passed"))),
        }
    }

    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        let lanes = &*self.lanes;
        // The semaphores are never closed.
        let (room, _next) = if self.is_for_signatures {
            let room = lanes.room_for_signatures.acquire().await.ok();
            (room, Some(lanes.next_signature.lock().await))
        } else {
            (lanes.room_for_others.acquire().await.ok(), None)
        };
        let _turn = lanes.turn.lock().await;
        lanes.rate.until_ready().await;
        room
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

    fn signatures(max_in_flight: usize, per_second: u32) -> Pace {
        Pace::new(limits(max_in_flight, per_second)).for_signatures()
    }

    #[tokio::test]
    async fn no_more_signatures_are_under_way_than_there_may_be() {
        let pace = signatures(3, 1000);
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
        let pace = signatures(1, 1000);
        let soon = Deadline::after(Duration::from_millis(20));
        let hang = pace.call(Deadline::after(Duration::from_secs(5)), async {
            std::future::pending::<Result<(), KeyProviderError>>().await
        });
        let late = pace.call::<()>(soon, async { panic!("it was begun") });
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
        let pace = signatures(1, 1000);
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
        let pace = signatures(100, 20);
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

    #[tokio::test]
    async fn a_call_of_another_kind_finds_room_while_signatures_hang() {
        let pace = Pace::new(limits(1, 1000));
        let signatures = pace.for_signatures();
        let hang = signatures.call(Deadline::after(Duration::from_secs(5)), async {
            std::future::pending::<Result<(), KeyProviderError>>().await
        });
        let soon = Deadline::after(Duration::from_secs(2));
        tokio::select! {
            biased;
            _ = hang => panic!("it returned"),
            done = pace.call(soon, async { Ok(()) }) => done.unwrap(),
        }
    }

    #[tokio::test]
    async fn a_call_of_another_kind_waits_for_one_signature_and_not_for_all_that_wait() {
        let pace = Pace::new(limits(100, 50));
        let signatures = pace.for_signatures();
        let deadline = Deadline::after(Duration::from_secs(30));
        let begun = AtomicUsize::new(0);
        let sign = || async {
            begun.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        let all =
            futures_util::future::join_all((0..100).map(|_| signatures.call(deadline, sign())));
        let other = async {
            // By then fifty have begun, and fifty wait.
            while begun.load(Ordering::SeqCst) < 50 {
                tokio::task::yield_now().await;
            }
            let before = begun.load(Ordering::SeqCst);
            pace.call(deadline, async { Ok(()) }).await.unwrap();
            begun.load(Ordering::SeqCst) - before
        };
        let (_, overtaken_by) = tokio::join!(all, other);
        assert!(overtaken_by <= 2, "{overtaken_by} signatures came first");
    }

    #[tokio::test]
    async fn who_gives_up_waiting_does_not_hold_up_the_next() {
        let pace = signatures(100, 1);
        let soon = || Deadline::after(Duration::from_millis(20));
        pace.call(soon(), async { Ok(()) }).await.unwrap();
        for _ in 0..3 {
            pace.call::<()>(soon(), async { panic!("it was begun") })
                .await
                .unwrap_err();
        }
        let patient = Deadline::after(Duration::from_secs(5));
        pace.call(patient, async { Ok(()) }).await.unwrap();
    }

    #[test]
    fn one_key_has_half_of_the_room() {
        let room = |all| limits(all, 1).for_one_key().get();
        assert_eq!([1, 2, 3, 64].map(room), [1, 1, 1, 32]);
    }
}
