//! The record of what the process does of its own accord.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{getegid, geteuid};
use signer_domain::ports::{
    AuditEntry, AuditKey, AuditOutcome, AuditPeer, AuditTrail, AuditUnavailable,
};
use signer_domain::{HandleId, SigningKey, clock};
use uuid::{NoContext, Timestamp as Moment, Uuid};

/// Records what nobody asked for in so many words: repairs, retirements that a provider confirmed late,
/// reservations that gave way, quarantines, and that a block is about to end.
#[derive(Debug, Clone)]
pub(crate) struct OwnActs {
    audit: Arc<dyn AuditTrail>,
    myself: AuditPeer,
}

impl OwnActs {
    pub(crate) fn new(audit: Arc<dyn AuditTrail>) -> Self {
        let myself = AuditPeer {
            uid: geteuid().as_raw(),
            gid: getegid().as_raw(),
            pid: std::process::id(),
        };
        Self { audit, myself }
    }

    /// Records that something was put in order that began at `began`. Nobody waits for the record.
    pub(crate) fn repaired(&self, key: AuditKey, began: Instant) {
        self.audit.note(self.entry("repair", key, began.elapsed()));
    }

    /// Records that the reservation of a rotation was given up, because its provider is not configured
    /// and the caller wants another one. Nobody waits for the record.
    pub(crate) fn abandoned(&self, key: AuditKey, began: Instant) {
        let entry = self.entry("rotation_abandon", key, began.elapsed());
        self.audit.note(entry);
    }

    /// Records that a key is about to be unblocked, and waits for the record. Should the process die
    /// between the registry's change and the entry of the request, the log must not insist on the block.
    pub(crate) async fn about_to_unblock(
        &self,
        handle_id: HandleId,
        began: Instant,
    ) -> Result<(), AuditUnavailable> {
        let key = AuditKey {
            handle_id: Some(handle_id),
            ..AuditKey::default()
        };
        let entry = self.entry("unblock_begin", key, began.elapsed());
        self.audit.record(entry).await
    }

    /// Records that a key was quarantined. Nobody waits for the record.
    pub(crate) fn quarantined(&self, key: &SigningKey, began: Instant) {
        let key = AuditKey {
            handle_id: Some(key.handle_id.clone()),
            scope: Some(key.scope),
            key_id: Some(key.key_id.clone()),
            provider: Some(key.provider()),
        };
        self.audit
            .note(self.entry("quarantine", key, began.elapsed()));
    }

    fn entry(&self, op: &'static str, key: AuditKey, latency: Duration) -> AuditEntry {
        AuditEntry {
            time: clock::now(),
            request_id: fresh_id().to_string(),
            op,
            outcome: AuditOutcome::Ok,
            http_status: 200,
            code: None,
            key,
            peer: Some(self.myself),
            digest: None,
            signature: None,
            items: Vec::new(),
            latency,
            count: None,
        }
    }
}

/// An id that sorts by time, whatever the clock shows.
fn fresh_id() -> Uuid {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    let moment = Moment::from_unix(NoContext, since.as_secs(), since.subsec_nanos());
    Uuid::new_v7(moment)
}
