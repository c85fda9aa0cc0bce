//! When the entries that wait are written: at once, or together with those that are about to come.
//!
//! A flush costs as much for few entries as for many, and what it costs is taken from those who sign.
//! So where many callers are busy at once, each write should carry many entries. It must not carry
//! all of them either: then everybody would wait for the same flush and nobody would sign meanwhile.
//! Best is to write when half of the callers wait: one half signs while the other is written.

use std::time::Duration;

/// The longest wait for entries that are about to come, in flushes and in all. It is a safety net: they
/// come sooner unless callers have left.
const MOST_FLUSHES: u32 = 4;
const LONGEST: Duration = Duration::from_millis(1);

/// How one caller is counted. With each write the count loses one part in so many, so that callers who
/// have left are forgotten after some thousand writes.
const ONE: usize = 1_000;

/// How many callers are busy at once, and how long a flush takes: what the past says about the next
/// write.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// The most callers who were seen at once lately, each counted as [`ONE`].
    crowd: usize,
    /// How many entries were written a moment ago: their callers have not been seen since.
    written: usize,
    /// How long that took.
    flush: Duration,
}

/// What to wait for before the next write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// Until so many entries wait.
    pub(super) entries: usize,
    /// And no longer than this once there is one.
    pub(super) patience: Duration,
}

impl Gathering {
    /// What to wait for, when so many entries wait now. A caller has one entry on its way at a time, so
    /// these and those that were written a moment ago are all of different callers.
    pub(super) fn plan(&mut self, waiting: usize) -> Plan {
        let seen = waiting.saturating_add(std::mem::take(&mut self.written));
        let faded = self.crowd - self.crowd / ONE;
        self.crowd = faded.max(seen.saturating_mul(ONE));
        Plan {
            entries: self.half(),
            patience: self.flush.saturating_mul(MOST_FLUSHES).min(LONGEST),
        }
    }

    /// Takes note of a write that has just ended. When fewer came than were waited for, the crowd is
    /// not what it was.
    pub(super) fn wrote(&mut self, entries: usize, took: Duration) {
        if entries < self.half() {
            // Halfway: they may only have been slow, and those who have left are soon forgotten so.
            self.crowd = (self.crowd / 2).saturating_add(entries.saturating_mul(ONE));
        }
        self.written = entries;
        self.flush = took;
    }

    /// Half of the crowd. Of three callers it is one: so few are never kept waiting.
    fn half(&self) -> usize {
        (self.crowd / ONE / 2).max(1)
    }
}

#[cfg(test)]
mod tests;
