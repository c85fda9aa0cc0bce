//! The tamper-evident record of every request, in one file of JSON lines.
//!
//! Each line holds the hash of the line before it, and signed checkpoints say how far the log went, so
//! that neither an edited nor a missing line goes unnoticed. Lines hold the allow-list of
//! [`AuditRecord`] and nothing else: never a payload, never a secret.

mod acceptance;
mod chain;
mod checkpoint_key;
mod checkpoints;
mod facts;
#[cfg(test)]
mod faults;
mod file;
mod found;
mod gathering;
mod hex;
mod lines;
mod losses;
mod mark;
mod metrics;
#[cfg(test)]
mod model;
mod note;
mod off;
mod opening;
mod own_files;
mod queue;
mod record;
mod recovery;
mod refusal;
mod run;
mod sink;
mod stale;
mod stepping;
mod steps;
mod store;
mod tail;
mod trail;
mod unfinished;
mod verifier;
mod verify;
mod waiting;
mod writer;

pub use acceptance::Acceptance;
pub use chain::LineFault;
pub use facts::{KeyFact, KnownKey};
pub use file::open_for_review;
pub use mark::{RegistryMark, RegistryState};
pub use note::NoteFault;
pub use off::NoAuditTrail;
pub use opening::{AuditOpening, inspect};
pub use record::{AuditRecord, RecordedItem, RecordedPeer, signature_fingerprint};
pub use refusal::{AuditRefusal, OpenAuditError};
pub use stale::{StaleRegistry, StaleRegistryError};
pub use steps::{BareDisk, Disk, Step};
pub use tail::{LogTail, TailLine};
pub use trail::FileAuditTrail;
pub use verifier::{CheckpointVerifier, ParseVerifierError};
pub use verify::{Breach, CheckpointLedger, ReadAuditError, Summary, Verdict, verify};
