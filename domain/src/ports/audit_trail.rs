//! The driven port to the record of who asked for what.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::CheckState;
use crate::{Digest, HandleId, KeyId, ProviderName, Scope, Signature};

/// The tamper-evident record of every request. Nothing is released before its entry is durable.
///
/// Entries hold what is on the allow-list of [`AuditEntry`] and nothing else: never a payload, never a
/// secret.
#[async_trait]
pub trait AuditTrail: Send + Sync + fmt::Debug {
    /// Appends an entry. It is durable when this returns.
    ///
    /// The entry is handed over with the first poll: whoever stops waiting does not take it back.
    ///
    /// An entry that was refused may be written later all the same: then it says that the answer was
    /// withheld. A denial tells nothing that could be withheld: it leaves all the same, and its entry
    /// stays as it is.
    ///
    /// # Errors
    /// [`AuditUnavailable`] when the record cannot be written now; within two seconds, whatever the
    /// disk does.
    async fn record(&self, entry: AuditEntry) -> Result<(), AuditUnavailable>;

    /// Appends an entry for which nobody waits.
    fn note(&self, entry: AuditEntry);

    /// Whether the record can be written.
    fn status(&self) -> AuditStatus;
}

/// Whether the record of requests can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditStatus {
    /// It is kept; this is how the last try to write it went.
    Kept(CheckState),
    /// The operator chose to keep none.
    Off,
}

/// The record of requests cannot be written now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("audit log unavailable")]
pub struct AuditUnavailable;

/// What is recorded of one request. The list is complete on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// When the answer was ready.
    pub time: Timestamp,
    /// The id by which caller, log and record speak of the request: at most 128 letters, digits and
    /// `._-`.
    pub request_id: String,
    /// What was asked, as in the metrics.
    pub op: &'static str,
    /// What it led to.
    pub outcome: AuditOutcome,
    /// The status of the answer; 499 when the caller left before there was one.
    pub http_status: u16,
    /// The code of the problem, if there was one.
    pub code: Option<&'static str>,
    /// The key it was about, as far as known.
    pub key: AuditKey,
    /// Who asked; this process itself for what it did of its own accord. None where the kernel did not
    /// say.
    pub peer: Option<AuditPeer>,
    /// What was to be signed.
    pub digest: Option<Digest>,
    /// The signature that was made. Recorded as its SHA-256.
    pub signature: Option<Signature>,
    /// The items of a batch, in order.
    pub items: Vec<AuditItem>,
    /// From the head of the request to the answer.
    pub latency: Duration,
    /// For how many requests of one caller the entry stands, where it is not one.
    pub count: Option<NonZeroU64>,
}

/// The key that an entry is about, as far as known: of a rotation that was opened the new one, of a
/// rotation that was closed the old one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditKey {
    /// Its handle.
    pub handle_id: Option<HandleId>,
    /// Its scope.
    pub scope: Option<Scope>,
    /// Its name.
    pub key_id: Option<KeyId>,
    /// Its provider.
    pub provider: Option<ProviderName>,
}

/// One item of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditItem {
    /// The key it was about.
    pub key: AuditKey,
    /// What was to be signed.
    pub digest: Digest,
    /// The signature that was made. Recorded as its SHA-256.
    pub signature: Option<Signature>,
    /// The code of the problem, if there was one.
    pub code: Option<&'static str>,
}

/// A process, as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPeer {
    /// Its effective user id.
    pub uid: u32,
    /// Its effective group id.
    pub gid: u32,
    /// Its process id; 0 where the kernel did not say.
    pub pid: u32,
}

/// What a request led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// It was done.
    Ok,
    /// The peer may not ask this.
    Denied,
    /// It cannot be done as it was asked, now or later.
    Invalid,
    /// It could not be done at this moment.
    Unavailable,
    /// The custodian failed.
    Error,
    /// The caller left before the answer.
    ClientGone,
}

impl AuditOutcome {
    /// The name used in the record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
            Self::Error => "error",
            Self::ClientGone => "client_gone",
        }
    }
}
