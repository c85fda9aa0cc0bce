//! How long to wait before the next try.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::settings::RestartPolicy;

/// The waits between the tries of one provider.
#[derive(Debug)]
pub(crate) struct Backoff {
    policy: RestartPolicy,
    failures: VecDeque<Instant>,
}

impl Backoff {
    pub(crate) const fn new(policy: RestartPolicy) -> Self {
        Self {
            policy,
            failures: VecDeque::new(),
        }
    }

    /// Counts a failure now and says how long to wait.
    pub(crate) fn next_wait(&mut self) -> Duration {
        self.wait_after_failure_at(Instant::now())
    }

    fn wait_after_failure_at(&mut self, now: Instant) -> Duration {
        let RestartPolicy {
            first,
            cap,
            budget,
            window,
        } = self.policy;
        while self
            .failures
            .front()
            .is_some_and(|then| now.duration_since(*then) > window)
        {
            self.failures.pop_front();
        }
        let recent = self.failures.len();
        self.failures.push_back(now);
        if recent >= budget {
            return cap;
        }
        let doublings = u32::try_from(recent).unwrap_or(u32::MAX).min(31);
        first.saturating_mul(1 << doublings).min(cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> RestartPolicy {
        RestartPolicy {
            first: Duration::from_millis(100),
            cap: Duration::from_secs(5),
            budget: 4,
            window: Duration::from_mins(1),
        }
    }

    #[test]
    fn waits_double_up_to_the_cap_and_a_spent_budget_waits_the_cap() {
        let mut backoff = Backoff::new(policy());
        let now = Instant::now();
        let waits: Vec<_> = (0..6).map(|_| backoff.wait_after_failure_at(now)).collect();
        let millis = |count| Duration::from_millis(count);
        let cap = Duration::from_secs(5);
        assert_eq!(
            waits,
            [millis(100), millis(200), millis(400), millis(800), cap, cap]
        );
    }

    #[test]
    fn failures_outside_the_window_are_forgotten() {
        let mut backoff = Backoff::new(policy());
        let start = Instant::now();
        for _ in 0..5 {
            backoff.wait_after_failure_at(start);
        }
        let later = start + Duration::from_secs(61);
        assert_eq!(
            backoff.wait_after_failure_at(later),
            Duration::from_millis(100)
        );
    }
}
