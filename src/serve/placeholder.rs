//! Stands in for the ports that nothing implements yet.

use std::pin::Pin;

use signer_domain::ports::{AuditEntry, AuditStatus, AuditTrail, AuditUnavailable};

type Answer<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Keeps no record.
#[derive(Debug)]
pub(super) struct NoAudit;

impl AuditTrail for NoAudit {
    fn record<'a, 'b>(&'a self, _entry: AuditEntry) -> Answer<'b, (), AuditUnavailable>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async { Ok(()) })
    }

    fn note(&self, _entry: AuditEntry) {}

    fn status(&self) -> AuditStatus {
        AuditStatus::Off
    }
}
