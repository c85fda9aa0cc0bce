//! How much memory callers may hold, all together.
//!
//! What callers make the process hold is counted before it is held: each connection at a flat rate,
//! and beyond that what a large head, a body, a batch or a long answer takes. What does not fit is
//! refused, so that the kernel never has to end the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::metrics::gauge::Gauge;

/// The bytes that callers may make the process hold. Shared by all workers.
#[derive(Debug)]
pub(crate) struct MemoryBudget {
    limit: usize,
    held: AtomicUsize,
    gauge: Gauge,
}

/// Some of these bytes. They are given back on drop.
#[derive(Debug)]
pub(crate) struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl MemoryBudget {
    pub(crate) fn new(limit: usize, gauge: Gauge) -> Arc<Self> {
        Arc::new(Self {
            limit,
            held: AtomicUsize::new(0),
            gauge,
        })
    }

    /// Takes `bytes`, unless that would be too much.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        let fits = |held: usize| {
            let held = held.checked_add(bytes)?;
            (held <= self.limit).then_some(held)
        };
        let taken = self
            .held
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        let _before = taken.ok()?;
        self.gauge.inc_by(bytes.try_into().unwrap_or_default());
        Some(Reservation {
            budget: Arc::clone(self),
            bytes,
        })
    }

    fn give_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.gauge.dec_by(bytes.try_into().unwrap_or_default());
    }
}

impl Reservation {
    /// Gives back all but `bytes`; never takes more.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.budget.give_back(surplus);
        self.bytes -= surplus;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_and_what_is_given_back_fits_again() {
        let budget = MemoryBudget::new(100, Gauge::default());
        let mut first = budget.reserve(60).unwrap();
        assert!(budget.reserve(41).is_none());
        assert!(budget.reserve(usize::MAX).is_none());
        let second = budget.reserve(40).unwrap();
        first.shrink_to(30);
        first.shrink_to(50);
        assert!(budget.reserve(31).is_none());
        drop(second);
        drop(budget.reserve(70).unwrap());
        drop(first);
        assert_eq!(budget.held.load(Ordering::Relaxed), 0);
        assert_eq!(budget.gauge.get(), 0);
    }
}
