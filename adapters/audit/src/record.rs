//! What one line says, apart from its place in the chain.

use std::borrow::Cow;
use std::num::NonZeroU64;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use signer_domain::ports::{AuditEntry, AuditItem, AuditKey, AuditOutcome, AuditPeer};
use signer_domain::{Signature, clock};

use super::hex;

/// The members of a line between `seq` and `prev`, in their order. A member that is `None` or empty
/// is left out of the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditRecord<'a> {
    /// When the answer was ready: RFC 3339 in UTC, with microseconds.
    pub time: Cow<'a, str>,
    /// The id by which caller, log and record speak of the request.
    pub request_id: Cow<'a, str>,
    /// What was asked.
    pub op: Cow<'a, str>,
    /// What it led to.
    pub outcome: Cow<'a, str>,
    /// The status of the answer.
    pub http_status: u16,
    /// The code of the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'a, str>>,
    /// The handle of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle_id: Option<Cow<'a, str>>,
    /// Its scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Cow<'a, str>>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Cow<'a, str>>,
    /// Its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Cow<'a, str>>,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<RecordedPeer>,
    /// What was to be signed, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Cow<'a, str>>,
    /// The SHA-256 of the 64 bytes of the signature, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_sha256: Option<Cow<'a, str>>,
    /// The items of a batch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<RecordedItem<'a>>,
    /// From the head of the request to the answer, in microseconds.
    pub latency_us: u64,
    /// How many: requests of one caller that the entry stands for, bytes that were cut (`tail_cut`),
    /// entries that were lost (`entries_dropped`) or given up (`accept_cut`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// Who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedPeer {
    /// The user id.
    pub uid: u32,
    /// The group id.
    pub gid: u32,
    /// The process id.
    pub pid: u32,
}

/// One item of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedItem<'a> {
    /// The handle of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handle_id: Option<Cow<'a, str>>,
    /// Its scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Cow<'a, str>>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<Cow<'a, str>>,
    /// Its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Cow<'a, str>>,
    /// What was to be signed, in base64.
    pub digest: Cow<'a, str>,
    /// The SHA-256 of the 64 bytes of the signature, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_sha256: Option<Cow<'a, str>>,
    /// The code of the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Cow<'a, str>>,
}

/// What the log notes of its own accord, beside requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnEntry {
    /// A torn last line was cut: so many bytes.
    TailCut { bytes: u64 },
    /// More entries came than can be kept waiting: so many were lost.
    EntriesDropped { entries: u64 },
    /// The operator accepted a log that ends before its checkpoint: so many entries are gone.
    AcceptCut { entries: u64 },
    /// The operator accepted another registry than the one that the checkpoint speaks of.
    AcceptRegistry,
}

impl<'a> AuditRecord<'a> {
    /// The record of an entry.
    pub(super) fn of(entry: &'a AuditEntry) -> Self {
        let [handle_id, scope, key_id, provider] = key_members(&entry.key);
        Self {
            time: micros(entry.time).into(),
            request_id: entry.request_id.as_str().into(),
            op: entry.op.into(),
            outcome: entry.outcome.as_str().into(),
            http_status: entry.http_status,
            code: entry.code.map(Cow::from),
            handle_id,
            scope,
            key_id,
            provider,
            peer: entry.peer.map(RecordedPeer::from),
            digest: entry.digest.map(|digest| digest.to_base64().into()),
            signature_sha256: entry.signature.map(fingerprint),
            items: entry.items.iter().map(RecordedItem::of).collect(),
            latency_us: u64::try_from(entry.latency.as_micros()).unwrap_or(u64::MAX),
            count: entry.count.map(NonZeroU64::get),
        }
    }

    /// The record of an entry whose caller was told that it cannot be recorded: no answer left. A
    /// denial tells nothing and leaves all the same, so its record stays as it is.
    pub(super) fn of_withheld(entry: &'a AuditEntry) -> Self {
        if entry.outcome == AuditOutcome::Denied {
            return Self::of(entry);
        }
        let mut record = Self {
            outcome: AuditOutcome::Unavailable.as_str().into(),
            http_status: 503,
            code: Some(WITHHELD.into()),
            signature_sha256: None,
            ..Self::of(entry)
        };
        for item in &mut record.items {
            if item.signature_sha256.take().is_some() {
                item.code = Some(WITHHELD.into());
            }
        }
        record
    }

    /// The record of what the log did itself, as entry `seq`.
    pub(super) fn of_own(what: OwnEntry, seq: u64) -> Self {
        let (op, outcome, status, count) = match what {
            OwnEntry::TailCut { bytes } => ("tail_cut", AuditOutcome::Error, 500, Some(bytes)),
            OwnEntry::EntriesDropped { entries } => {
                ("entries_dropped", AuditOutcome::Error, 500, Some(entries))
            }
            OwnEntry::AcceptCut { entries } => ("accept_cut", AuditOutcome::Ok, 200, Some(entries)),
            OwnEntry::AcceptRegistry => ("accept_registry", AuditOutcome::Ok, 200, None),
        };
        Self {
            time: micros(clock::now()).into(),
            request_id: format!("audit-{seq}").into(),
            op: op.into(),
            outcome: outcome.as_str().into(),
            http_status: status,
            code: None,
            handle_id: None,
            scope: None,
            key_id: None,
            provider: None,
            peer: Some(RecordedPeer::of_this_process()),
            digest: None,
            signature_sha256: None,
            items: Vec::new(),
            latency_us: 0,
            count,
        }
    }

    /// The members as they stand in a line, without braces around them.
    pub(super) fn members(&self) -> String {
        // Strings and numbers alone: there is nothing in a record that cannot be written as JSON.
        let mut object = serde_json::to_string(self).unwrap_or_default();
        object.pop();
        if !object.is_empty() {
            object.remove(0);
        }
        object
    }

    /// The SHA-256 of every signature that left with this answer, in hexadecimal.
    pub fn signatures(&self) -> impl Iterator<Item = &str> {
        let items = self.items.iter().map(|item| &item.signature_sha256);
        std::iter::once(&self.signature_sha256)
            .chain(items)
            .filter_map(Option::as_deref)
    }
}

const WITHHELD: &str = "audit_unavailable";

impl<'a> RecordedItem<'a> {
    fn of(item: &'a AuditItem) -> Self {
        let [handle_id, scope, key_id, provider] = key_members(&item.key);
        Self {
            handle_id,
            scope,
            key_id,
            provider,
            digest: item.digest.to_base64().into(),
            signature_sha256: item.signature.map(fingerprint),
            code: item.code.map(Cow::from),
        }
    }
}

impl From<AuditPeer> for RecordedPeer {
    fn from(AuditPeer { uid, gid, pid }: AuditPeer) -> Self {
        Self { uid, gid, pid }
    }
}

impl RecordedPeer {
    fn of_this_process() -> Self {
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            pid: std::process::id(),
        }
    }
}

fn key_members(key: &AuditKey) -> [Option<Cow<'_, str>>; 4] {
    [
        key.handle_id.as_ref().map(|handle| handle.as_str().into()),
        key.scope.map(|scope| scope.to_string().into()),
        key.key_id.as_ref().map(|key_id| key_id.as_str().into()),
        key.provider.map(|provider| provider.to_string().into()),
    ]
}

fn fingerprint(signature: Signature) -> Cow<'static, str> {
    signature_fingerprint(&signature).into()
}

/// The SHA-256 of a signature in hexadecimal, as the log holds it.
pub fn signature_fingerprint(signature: &Signature) -> String {
    hex::encode(&Sha256::digest(signature.as_bytes()))
}

/// RFC 3339 in UTC, always with six decimals.
pub(super) fn micros(time: Timestamp) -> String {
    format!("{time:.6}")
}
