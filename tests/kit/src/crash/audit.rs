//! Crash points around the record of requests.

use async_trait::async_trait;
use signer_domain::ports::{AuditEntry, AuditStatus, AuditTrail, AuditUnavailable};

use super::{Crashing, Moment, PortCall};

const fn unavailable() -> AuditUnavailable {
    AuditUnavailable
}

#[async_trait]
impl<A: AuditTrail + ?Sized> AuditTrail for Crashing<A> {
    async fn record(&self, entry: AuditEntry) -> Result<(), AuditUnavailable> {
        let work = self.inner.record(entry);
        self.points
            .around(PortCall::Record, |_struck| unavailable(), work)
            .await
    }

    fn note(&self, entry: AuditEntry) {
        if self
            .points
            .pass_at_once(PortCall::Note, Moment::Before)
            .is_ok()
        {
            self.inner.note(entry);
        }
        // The entry is on its way already; there is no answer that could be lost.
        self.points.pass_at_once(PortCall::Note, Moment::After).ok();
    }

    fn status(&self) -> AuditStatus {
        self.inner.status()
    }
}
