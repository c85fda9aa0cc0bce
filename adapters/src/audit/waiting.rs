//! An entry on its way, and the caller who waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signer_domain::ports::{AuditEntry, AuditUnavailable};
use tokio::sync::oneshot;

use super::record::AuditRecord;

/// How one entry went.
pub(super) type Outcome = Result<(), AuditUnavailable>;

/// An entry that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    entry: AuditEntry,
    members: String,
    waiter: Option<oneshot::Sender<Outcome>>,
    withheld: Arc<AtomicBool>,
}

impl Waiting {
    /// Prepares the entry on the caller's thread. The receiver tells how it went, and the mark says
    /// that nobody waits any longer.
    pub(super) fn awaited(
        entry: AuditEntry,
    ) -> (Self, oneshot::Receiver<Outcome>, Arc<AtomicBool>) {
        let (sender, receiver) = oneshot::channel();
        let withheld = Arc::new(AtomicBool::new(false));
        let waiting = Self {
            waiter: Some(sender),
            withheld: Arc::clone(&withheld),
            ..Self::unawaited(entry)
        };
        (waiting, receiver, withheld)
    }

    /// Prepares an entry for which nobody waits.
    pub(super) fn unawaited(entry: AuditEntry) -> Self {
        Self {
            members: AuditRecord::of(&entry).members(),
            entry,
            waiter: None,
            withheld: Arc::default(),
        }
    }

    /// What is written of it now. An answer that was withheld in the meantime is told as such.
    pub(super) fn with_members<T>(&self, write: impl FnOnce(&str) -> T) -> T {
        if self.withheld.load(Ordering::Acquire) {
            write(&AuditRecord::of_withheld(&self.entry).members())
        } else {
            write(&self.members)
        }
    }

    /// How much memory its line takes, about.
    pub(super) fn size(&self) -> usize {
        self.members.len()
    }

    /// Tells its caller that it is durable.
    pub(super) fn succeed(self) {
        if let Some(waiter) = self.waiter {
            // A caller that left is told nothing.
            waiter.send(Ok(())).ok();
        }
    }

    /// Tells its caller that it cannot be recorded now.
    pub(super) fn refuse(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.withheld.store(true, Ordering::Release);
            waiter.send(Err(AuditUnavailable)).ok();
        }
    }
}
