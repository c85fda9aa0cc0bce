//! The audit entry of each request: one, whatever becomes of it.
//!
//! What the HTTP parser itself refuses (an unreadable or endless head, contradictory framing) has one
//! as well, though nobody can say what was asked.

mod ending;
pub(crate) mod key;
mod subject;

pub(crate) use ending::outcome_of;
pub(crate) use subject::Subject;

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt as _;
use signer_domain::ports::{AuditEntry, AuditPeer, AuditStatus, AuditTrail};
use signer_domain::{KnownProviders, clock};

use self::ending::Ending;
use crate::answer::Answer;
use crate::demands::Recording;
use crate::op::Op;
use crate::peer::{Ingress, Peer};
use crate::refusal::Refusal;
use crate::request_id::RequestId;
use crate::routes::{Call, NoCall};
use crate::wire::ProblemCode;

/// The entry of a request under way. When this value goes before the request has ended, the caller has
/// left, and that is noted.
#[derive(Debug)]
pub(crate) struct Draft<'r> {
    subject: Subject,
    trail: &'r dyn AuditTrail,
    known: &'r KnownProviders,
    request_id: &'r RequestId,
    call: Result<Call<'r>, NoCall>,
    ingress: Ingress,
    started: Instant,
}

impl<'r> Draft<'r> {
    /// Opens the entry of a request. None is kept of a call that is not recorded, nor while no record
    /// is kept at all.
    pub(crate) fn open(
        trail: &'r dyn AuditTrail,
        known: &'r KnownProviders,
        request_id: &'r RequestId,
        call: Result<Call<'r>, NoCall>,
        ingress: Ingress,
        started: Instant,
    ) -> Self {
        let recording = call.map_or(Recording::Afterwards, |call| call.recording());
        let is_kept = recording != Recording::None && trail.status() != AuditStatus::Off;
        Self {
            subject: if is_kept {
                Subject::unknown()
            } else {
                Subject::unwanted()
            },
            trail,
            known,
            request_id,
            call,
            ingress,
            started,
        }
    }

    /// When the head of the request was read.
    pub(crate) const fn started(&self) -> Instant {
        self.started
    }

    /// What was asked.
    pub(crate) fn op(&self) -> Op {
        self.call.map_or(Op::Unknown, |call| call.op())
    }

    /// What the work on the request needs of it: its id, and where to say what it is about.
    pub(crate) const fn parts(&mut self) -> (&'r RequestId, &mut Subject) {
        (self.request_id, &mut self.subject)
    }

    /// Records how the request ended, before anybody is told. What cannot be recorded is withheld: in
    /// its place comes a refusal that tells nothing of it. A denial tells nothing either, and stays.
    /// That a body is broken tells nothing, and nobody would be there any more to be told.
    pub(crate) async fn close(
        mut self,
        outcome: Result<Answer, Refusal>,
    ) -> Result<Answer, Refusal> {
        let Some(entry) = self.finish(Ending::of(&outcome)) else {
            return outcome;
        };
        let refusal = outcome.as_ref().err();
        let code = refusal.map(|refusal| refusal.code);
        if code == Some(ProblemCode::AuditUnavailable) || refusal.is_some_and(Refusal::is_urgent) {
            self.trail.note(entry);
            return outcome;
        }
        let recorded = AssertUnwindSafe(self.trail.record(entry)).catch_unwind();
        if matches!(recorded.await, Ok(Ok(()))) || code == Some(ProblemCode::Denied) {
            outcome
        } else {
            Err(Refusal::audit_unavailable())
        }
    }

    /// Records a refusal that nobody waits to see recorded, because it tells nothing and nothing was
    /// done.
    pub(crate) fn note(mut self, refusal: &Refusal) {
        if let Some(entry) = self.finish(Ending::of_refusal(refusal)) {
            self.trail.note(entry);
        }
    }

    /// Leaves the request without an entry: it is counted in that of others.
    pub(crate) fn discard(mut self) {
        self.subject.take();
    }

    /// The entry, once; none when none is kept.
    fn finish(&mut self, ending: Ending) -> Option<AuditEntry> {
        let facts = self.subject.take()?;
        let key = match self.call {
            Ok(call) if facts.key == key::UNKNOWN => key::of_call(call, self.known),
            Ok(_) | Err(_) => facts.key,
        };
        Some(AuditEntry {
            time: clock::now(),
            request_id: self.request_id.as_str().to_owned(),
            op: self.op().as_str(),
            outcome: ending.outcome,
            http_status: ending.http_status,
            code: ending.code,
            key,
            peer: peer_of(self.ingress),
            digest: facts.digest,
            signature: facts.signature,
            items: facts.items,
            latency: self.started.elapsed(),
            count: None,
        })
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.finish(Ending::CLIENT_GONE) {
            self.trail.note(entry);
        }
    }
}

pub(crate) fn peer_of(ingress: Ingress) -> Option<AuditPeer> {
    match ingress {
        Ingress::Socket(Peer { uid, gid, pid }) => Some(AuditPeer {
            uid,
            gid,
            pid: pid.and_then(|pid| pid.try_into().ok()).unwrap_or_default(),
        }),
        Ingress::Health | Ingress::Unidentified => None,
    }
}
