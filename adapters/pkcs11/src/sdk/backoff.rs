//! How often what did not help may be done again.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(100);

/// The pauses between tries that did not help. They double up to the longest.
#[derive(Debug)]
pub(super) struct Backoff {
    longest: Duration,
    failures: u32,
    next: Option<Instant>,
}

impl Backoff {
    pub(super) const fn up_to(longest: Duration) -> Self {
        Self {
            longest,
            failures: 0,
            next: None,
        }
    }

    /// How long the next try has to wait.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        self.next
            .map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    /// Counts a try, until it turns out that it helped.
    pub(super) fn count(&mut self, now: Instant) {
        let pause = FIRST
            .saturating_mul(1 << self.failures.min(16))
            .min(self.longest);
        self.failures = self.failures.saturating_add(1);
        self.next = Some(now + pause);
    }

    /// A try has helped.
    pub(super) const fn reset(&mut self) {
        *self = Self::up_to(self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_until_a_try_has_helped() {
        let now = Instant::now();
        let longest = Duration::from_secs(2);
        let mut backoff = Backoff::up_to(longest);
        assert_eq!(backoff.pause(now), Duration::ZERO);
        for expected in [100, 200, 400, 800, 1600, 2000, 2000] {
            backoff.count(now);
            assert_eq!(backoff.pause(now), Duration::from_millis(expected));
        }
        assert_eq!(backoff.pause(now + longest), Duration::ZERO);
        backoff.reset();
        assert_eq!(backoff.pause(now), Duration::ZERO);
    }
}
