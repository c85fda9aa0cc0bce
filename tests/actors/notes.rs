//! A record of requests that a test can read.

use async_trait::async_trait;
use parking_lot::Mutex;
use signer_domain::ports::{AuditEntry, AuditStatus, AuditTrail, AuditUnavailable, CheckState};
use tokio::sync::oneshot;

/// Keeps what is noted in memory.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    taken: Mutex<Vec<AuditEntry>>,
    /// What the next record waits for when it has been taken.
    held: Mutex<Option<oneshot::Receiver<()>>>,
    /// Goes down with whoever asks for the next record.
    fatal: Mutex<Option<oneshot::Sender<()>>>,
}

impl Notes {
    /// What was noted so far, in order.
    pub(crate) fn taken(&self) -> Vec<AuditEntry> {
        self.taken.lock().clone()
    }

    /// Holds the next record back until the result lets it go, as a slow disk would.
    pub(crate) fn hold_next(&self) -> oneshot::Sender<()> {
        let (go, may_go) = oneshot::channel();
        *self.held.lock() = Some(may_go);
        go
    }

    /// Has the next record panic, which the result tells by its own end.
    pub(crate) fn panic_at_next(&self) -> oneshot::Receiver<()> {
        let (goes_down, went_down) = oneshot::channel();
        *self.fatal.lock() = Some(goes_down);
        went_down
    }
}

#[async_trait]
impl AuditTrail for Notes {
    async fn record(&self, entry: AuditEntry) -> Result<(), AuditUnavailable> {
        let goes_down = self.fatal.lock().take();
        assert!(goes_down.is_none(), "a test asked the record to panic");
        self.note(entry);
        let held = self.held.lock().take();
        if let Some(may_go) = held {
            drop(may_go.await);
        }
        Ok(())
    }

    fn note(&self, entry: AuditEntry) {
        self.taken.lock().push(entry);
    }

    fn status(&self) -> AuditStatus {
        AuditStatus::Kept(CheckState::Ok)
    }
}
