//! A record of requests that a test can read.

use async_trait::async_trait;
use parking_lot::Mutex;
use signer_domain::ports::{AuditEntry, AuditStatus, AuditTrail, AuditUnavailable, CheckState};

/// Keeps what is noted in memory.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<AuditEntry>>);

impl Notes {
    /// What was noted so far, in order.
    pub(crate) fn taken(&self) -> Vec<AuditEntry> {
        self.0.lock().clone()
    }
}

#[async_trait]
impl AuditTrail for Notes {
    async fn record(&self, entry: AuditEntry) -> Result<(), AuditUnavailable> {
        self.note(entry);
        Ok(())
    }

    fn note(&self, entry: AuditEntry) {
        self.0.lock().push(entry);
    }

    fn status(&self) -> AuditStatus {
        AuditStatus::Kept(CheckState::Ok)
    }
}
