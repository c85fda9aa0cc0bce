//! What verification finds.

use std::io;
use std::path::PathBuf;

use crate::chain::LineFault;
use crate::note::NoteFault;

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong.
    Intact(Summary),
    /// Something is.
    Broken(Breach),
}

/// What an intact log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many entries.
    pub entries: u64,
    /// The number of the first one.
    pub first: Option<u64>,
    /// The number of the last one.
    pub last: Option<u64>,
    /// The last entry that a checkpoint speaks of, when there were checkpoints to compare with; 0 when
    /// there are none yet.
    pub signed: Option<u64>,
    /// How many bytes of a line follow that was never whole: a custodian writes it, or died while it did.
    /// The next start cuts them off.
    pub torn: u64,
}

/// The first thing that is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// A line is not the entry that has to stand there.
    #[error("entry {seq} {fault} (line {number} of {})", file.display())]
    Line {
        /// The number of the entry that has to stand there.
        seq: u64,
        /// The file of the line.
        file: PathBuf,
        /// The line of the file, from 1.
        number: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// An entry is another one than a checkpoint speaks of.
    #[error("entry {seq} is not the one that its checkpoint signed: the log was rewritten")]
    Disagrees {
        /// The number of the entry.
        seq: u64,
    },
    /// The log begins in the middle, and no checkpoint says what came before.
    #[error(
        "entry 1 is missing: the log begins with entry {first}, and no checkpoint vouches for what came \
         before; name the older files first"
    )]
    Headless {
        /// The number of the first entry there is.
        first: u64,
    },
    /// The log ends before the last checkpoint.
    #[error(
        "entry {seq} is missing: the log ends before it, while a checkpoint signed entry {signed}"
    )]
    Tailless {
        /// The number of the first entry that is missing.
        seq: u64,
        /// The last entry that was signed.
        signed: u64,
    },
    /// There is no checkpoint, although every log has one.
    #[error(
        "no checkpoint is there, although a custodian signs one before the first entry: they were \
         removed; name others with --checkpoint, or look at the chain alone with --no-checkpoint"
    )]
    NoCheckpoint,
    /// The log goes on behind its last checkpoint, although its last run signed all of it.
    #[error(
        "entry {seq} is not signed: the last checkpoint speaks of entry {signed}, although the last \
         custodian ended in order and signed every entry"
    )]
    Unsigned {
        /// The number of the first entry that is not signed.
        seq: u64,
        /// The last entry that is signed.
        signed: u64,
    },
    /// A checkpoint is not what it has to be.
    #[error("checkpoint {number} {fault}")]
    Checkpoint {
        /// Which checkpoint of the file, from 1.
        number: u64,
        /// What is wrong with it.
        fault: NoteFault,
    },
}

impl Breach {
    /// The number of the first bad entry, as far as it can be told.
    pub const fn seq(&self) -> Option<u64> {
        match self {
            Self::Line { seq, .. }
            | Self::Disagrees { seq }
            | Self::Tailless { seq, .. }
            | Self::Unsigned { seq, .. } => Some(*seq),
            Self::Headless { .. } => Some(1),
            Self::NoCheckpoint | Self::Checkpoint { .. } => None,
        }
    }
}

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read: {error}", path.display())]
pub struct ReadAuditError {
    /// The file.
    pub path: PathBuf,
    /// What the operating system said.
    pub error: io::Error,
}
