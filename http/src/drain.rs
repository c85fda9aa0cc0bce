//! How far the server is on its way out.

use std::sync::atomic::{AtomicU8, Ordering};

/// How far the server is on its way out; shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct Drain(AtomicU8);

/// The stages, in order. A server never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// All is normal.
    Serving,
    /// Every request is still answered with its real result, and every connection closed after it.
    Draining,
    /// Time is up: whatever is still unanswered is refused.
    Expired,
}

impl Drain {
    pub(crate) fn stage(&self) -> Stage {
        match self.0.load(Ordering::Relaxed) {
            0 => Stage::Serving,
            1 => Stage::Draining,
            _ => Stage::Expired,
        }
    }

    /// Starts to drain.
    pub(crate) fn begin(&self) {
        self.0.fetch_max(1, Ordering::Relaxed);
    }

    /// Gives up on whatever is still unanswered.
    pub(crate) fn expire(&self) {
        self.0.fetch_max(2, Ordering::Relaxed);
    }
}
