//! Entries that were lost before anybody could write them, told without flooding the log.

use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::error;

/// How often losses are told.
const EVERY: Duration = Duration::from_secs(1);

/// Counts lost entries and tells of them: of the first one at once, of others once a second.
#[derive(Debug, Default)]
pub(super) struct Losses(Mutex<Untold>);

#[derive(Debug, Default)]
struct Untold {
    count: u64,
    told_at: Option<Instant>,
}

impl Losses {
    /// Counts a loss.
    pub(super) fn add(&self) {
        if let Some(lost) = self.count(Instant::now()) {
            tell(lost);
        }
    }

    /// Tells of what has not been told yet.
    pub(super) fn flush(&self) {
        let lost = std::mem::take(&mut self.0.lock().count);
        if lost > 0 {
            tell(lost);
        }
    }

    /// Counts a loss; what there is to tell, if it is time to.
    fn count(&self, now: Instant) -> Option<u64> {
        let mut untold = self.0.lock();
        untold.count += 1;
        let is_fresh = |told_at: Instant| now.duration_since(told_at) < EVERY;
        if untold.told_at.is_some_and(is_fresh) {
            return None;
        }
        untold.told_at = Some(now);
        Some(std::mem::take(&mut untold.count))
    }
}

fn tell(lost: u64) {
    error!(
        lost,
        "entries of the audit log were lost: too many wait to be written"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_loss_is_told_at_once_and_others_once_a_second() {
        let losses = Losses::default();
        let start = Instant::now();
        let at = |millis| losses.count(start + Duration::from_millis(millis));
        assert_eq!(at(0), Some(1));
        assert_eq!([at(1), at(500), at(999)], [None, None, None]);
        assert_eq!(at(1_000), Some(4));
        assert_eq!(at(1_001), None);
        losses.flush();
        assert_eq!(at(5_000), Some(1));
    }
}
