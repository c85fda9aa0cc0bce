//! How often a call is made, and when it is given up.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

use signer_cloud::in_doubt;
use signer_domain::Deadline;

use super::super::error::Refusal;
use super::Service;

/// How often a call is made that fails for a passing reason.
const TRIES: usize = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// When the service asks for more than this, the caller is told so instead of being kept waiting.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// When a call may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Whenever it failed: made twice it does no more than made once.
    Always,
    /// Only if the failed try certainly did nothing.
    IfNothingHappened,
}

impl Repeat {
    const fn allows(self, may_have_had_its_effect: bool) -> bool {
        match self {
            Self::Always => true,
            Self::IfNothingHappened => !may_have_had_its_effect,
        }
    }
}

impl Service {
    /// Makes a call that may be repeated.
    pub(super) async fn repeated<T, F>(
        &self,
        deadline: Deadline,
        call: impl Fn() -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        self.until_settled(Repeat::Always, deadline, call).await
    }

    /// Makes a call until it succeeds, is refused for good, or has had its tries.
    pub(super) async fn until_settled<T, F>(
        &self,
        repeat: Repeat,
        deadline: Deadline,
        call: impl Fn() -> F,
    ) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let mut pauses = ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_jitter()
            .with_max_times(TRIES - 1)
            .build();
        let mut may_have_had_its_effect = false;
        loop {
            // The future of a call is large, and every future that awaits it would be as well.
            let refusal = match self.once(deadline, Box::pin(call())).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            may_have_had_its_effect |= refusal.leaves_doubt();
            let may_repeat = refusal.is_passing() && repeat.allows(may_have_had_its_effect);
            match pauses.next().filter(|_| may_repeat) {
                Some(pause) if waits(&refusal, pause, deadline) => {
                    tokio::time::sleep(pause.max(refusal.hint().unwrap_or_default())).await;
                }
                Some(_) | None => return Err(settled(refusal, may_have_had_its_effect)),
            }
        }
    }

    async fn once<T>(
        &self,
        deadline: Deadline,
        call: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        let answer = self.pace.call(deadline, async { Ok(call.await) }).await;
        answer.unwrap_or_else(|error| Err(Refusal::Final(error)))
    }
}

/// Whether it is worth the caller's while to wait for another try.
fn waits(refusal: &Refusal, pause: Duration, deadline: Deadline) -> bool {
    let asked_for = refusal.hint().unwrap_or_default();
    asked_for <= LONGEST_PAUSE && pause.max(asked_for) < deadline.remaining()
}

/// The last refusal, when an earlier try may have had the effect: it then says less than it seems to.
fn settled(refusal: Refusal, may_have_had_its_effect: bool) -> Refusal {
    match refusal {
        Refusal::Trouble(..) | Refusal::Final(_) | Refusal::DeniedByKey(_)
            if may_have_had_its_effect =>
        {
            Refusal::Final(in_doubt(refusal.told()))
        }
        _ => refusal,
    }
}
