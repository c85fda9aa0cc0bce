//! The instant after which nobody waits for an answer any more.

use std::time::{Duration, Instant};

/// An absolute instant on the local monotonic clock by which a request must be answered.
///
/// It is taken once, where the request enters, and travels with it, so that queues and retries
/// share one budget instead of each adding their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline that lies `budget` from now.
    pub fn after(budget: Duration) -> Self {
        Self(Instant::now() + budget)
    }

    /// The deadline at `instant`.
    pub const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    /// The instant itself.
    pub const fn instant(self) -> Instant {
        self.0
    }

    /// What is left of the budget; zero once the deadline has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether the deadline has passed.
    pub fn is_past(self) -> bool {
        self.remaining().is_zero()
    }
}
