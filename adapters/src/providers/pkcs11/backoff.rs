//! How often the module may be initialised anew.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);
/// Short enough that a token that is there again is used again within seconds.
const LONGEST: Duration = Duration::from_secs(2);

/// The pauses between initialisations that did not help. They double up to the longest.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    next: Option<Instant>,
}

impl Backoff {
    /// How long the next initialisation has to wait.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        self.next
            .map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    /// Counts an initialisation, until it turns out that it helped.
    pub(super) fn count(&mut self, now: Instant) {
        let pause = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.next = Some(now + pause);
    }

    /// The token is there again.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_until_the_token_is_there_again() {
        let now = Instant::now();
        let mut backoff = Backoff::default();
        assert_eq!(backoff.pause(now), Duration::ZERO);
        for expected in [100, 200, 400, 800, 1600, 2000, 2000] {
            backoff.count(now);
            assert_eq!(backoff.pause(now), Duration::from_millis(expected));
        }
        assert_eq!(backoff.pause(now + LONGEST), Duration::ZERO);
        backoff.reset();
        assert_eq!(backoff.pause(now), Duration::ZERO);
    }
}
