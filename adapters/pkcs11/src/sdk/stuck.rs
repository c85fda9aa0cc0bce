//! Whether nothing but a new process can help.
//!
//! A module must not be finalised under a call that does not return: that crashes (measured). When it
//! has to be initialised anew all the same, or so many calls hang that no thread is left for others,
//! the token is of no use until one returns, which it may never do. A process that has seen the token
//! whole may then be replaced by another, which will. One that never has waits longer: in an outage
//! that began before it did, the next one fares no better, and its other providers serve meanwhile.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

/// How many times longer a process waits that has not seen the token whole.
const NEVER_PROVEN: u32 = 10;

/// Watches for how long a call that does not return has kept everybody from the token.
pub(super) struct Stuck {
    limit: Duration,
    state: Mutex<State>,
    is_reached: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    was_proven: bool,
    helpless_since: Option<Instant>,
}

impl Stuck {
    /// Says so when the token has been of no use for longer than `limit`, or than ten times as long if
    /// it was never seen whole.
    pub(super) fn after(limit: Duration) -> Self {
        Self {
            limit,
            state: Mutex::default(),
            is_reached: watch::Sender::new(false),
        }
    }

    /// The token was seen whole.
    pub(super) fn note_proven(&self) {
        *self.state.lock() = State {
            was_proven: true,
            helpless_since: None,
        };
    }

    /// The token is of use, or no call that does not return is in the way of that.
    pub(super) fn relieve(&self) {
        self.state.lock().helpless_since = None;
    }

    /// Nobody can work, and a call that does not return is in the way of the cure; tells whether this
    /// is what makes the module count as stuck.
    pub(super) fn note_helpless(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        let since = *state.helpless_since.get_or_insert(now);
        let limit = if state.was_proven {
            self.limit
        } else {
            self.limit * NEVER_PROVEN
        };
        let is_over = now.saturating_duration_since(since) >= limit;
        is_over && !self.is_reached.send_replace(true)
    }

    /// Ends when the module counts as stuck.
    pub(super) fn reached(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_reached = self.is_reached.subscribe();
        async move {
            if is_reached.wait_for(|is_reached| *is_reached).await.is_err() {
                // There is no token any more that could be stuck.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn is_stuck_once_what_was_whole_has_been_of_no_use_for_too_long() {
        let (stuck, now) = (Stuck::after(LIMIT), Instant::now());
        stuck.note_proven();
        assert!(!stuck.note_helpless(now));
        assert!(!stuck.note_helpless(now + LIMIT / 2));
        assert!(stuck.note_helpless(now + LIMIT));
        assert!(!stuck.note_helpless(now + LIMIT * 2), "said twice");
    }

    #[test]
    fn begins_to_count_anew_whenever_the_token_was_of_use() {
        let (stuck, now) = (Stuck::after(LIMIT), Instant::now());
        stuck.note_proven();
        for round in 0..10 {
            let now = now + LIMIT * round;
            assert!(!stuck.note_helpless(now));
            assert!(!stuck.note_helpless(now + LIMIT / 2));
            stuck.relieve();
        }
    }

    #[test]
    fn a_token_that_was_never_whole_is_waited_for_ten_times_as_long() {
        let (stuck, now) = (Stuck::after(LIMIT), Instant::now());
        assert!(!stuck.note_helpless(now));
        assert!(!stuck.note_helpless(now + LIMIT * 9));
        // The time before is not held against it.
        stuck.note_proven();
        assert!(!stuck.note_helpless(now + LIMIT * 9));
        let stuck = Stuck::after(LIMIT);
        assert!(!stuck.note_helpless(now));
        assert!(stuck.note_helpless(now + LIMIT * 10));
    }

    #[tokio::test]
    async fn tells_whoever_asks_before_or_behind_it() {
        let stuck = Stuck::after(Duration::ZERO);
        let before = stuck.reached();
        stuck.note_proven();
        assert!(stuck.note_helpless(Instant::now()));
        before.await;
        stuck.reached().await;
    }
}
