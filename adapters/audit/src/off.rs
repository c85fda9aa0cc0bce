//! No audit log, because the operator chose to keep none.

use async_trait::async_trait;
use signer_domain::ports::{AuditEntry, AuditStatus, AuditTrail, AuditUnavailable};

/// Records nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAuditTrail;

#[async_trait]
impl AuditTrail for NoAuditTrail {
    async fn record(&self, _entry: AuditEntry) -> Result<(), AuditUnavailable> {
        Ok(())
    }

    fn note(&self, _entry: AuditEntry) {}

    fn status(&self) -> AuditStatus {
        AuditStatus::Off
    }
}
