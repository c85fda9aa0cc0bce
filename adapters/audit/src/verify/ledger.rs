//! The checkpoints of one log, each with its signature verified.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::path::Path;

use super::breach::{Breach, ReadAuditError};
use crate::chain::Position;
use crate::file::open_for_review;
use crate::note::{FileBoundary, NextNote, NoteFault, may_be_torn, next_note};
use crate::unfinished::LastRun;
use crate::verifier::CheckpointVerifier;

/// What the checkpoints of a log say about its entries.
#[derive(Debug)]
pub struct CheckpointLedger {
    roots: BTreeMap<u64, [u8; 32]>,
    /// Entries behind which a file begins.
    boundaries: BTreeSet<u64>,
    /// Entries that two checkpoints call by different hashes. No log agrees with both.
    contested: Option<u64>,
    fault: Option<(u64, NoteFault)>,
    /// How many checkpoints there are.
    notes: u64,
    last_run: LastRun,
}

impl CheckpointLedger {
    /// The ledger of a log whose checkpoints are not there.
    pub const fn missing() -> Self {
        Self {
            roots: BTreeMap::new(),
            boundaries: BTreeSet::new(),
            contested: None,
            fault: None,
            notes: 0,
            last_run: LastRun::Unknown,
        }
    }

    /// Takes into account how the last run of the log at `log` ended, as its lock file tells. One that ended in
    /// order has signed its last entry; of one that died, the last line may be torn.
    #[must_use]
    pub fn with_last_run_of(self, log: &Path) -> Self {
        let last_run = LastRun::of(log);
        Self { last_run, ..self }
    }

    /// Says that the checkpoints were kept elsewhere, so that the log may have gone on behind the last one.
    #[must_use]
    pub fn kept_elsewhere(self) -> Self {
        let last_run = match self.last_run {
            LastRun::Ended => LastRun::Unknown,
            other => other,
        };
        Self { last_run, ..self }
    }

    /// Reads a file of checkpoints. A last one that is cut off does not count.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path, verifier: &CheckpointVerifier) -> Result<Self, ReadAuditError> {
        let failed = |error| ReadAuditError {
            path: path.to_owned(),
            error,
        };
        let mut source = BufReader::new(open_for_review(path).map_err(failed)?);
        let mut ledger = Self::missing();
        loop {
            let note = match next_note(&mut source).map_err(failed)? {
                NextNote::Note(note, _) => note,
                NextNote::Torn(bytes) if may_be_torn(&bytes, verifier.name()) => break,
                NextNote::Torn(_) => {
                    ledger.find_fault(NoteFault::NoCheckpoint);
                    break;
                }
                NextNote::TooLong => {
                    ledger.find_fault(NoteFault::TooLong);
                    break;
                }
                NextNote::End => break,
            };
            match note.open(verifier) {
                Ok(checkpoint) => {
                    if let Some((first, last)) = checkpoint.cut {
                        // The operator gave these entries up, and the key has signed that.
                        ledger.roots.retain(|seq, _| !(first..=last).contains(seq));
                        ledger.contested.take_if(|seq| (first..=last).contains(seq));
                    }
                    ledger.add(checkpoint.position);
                    if checkpoint.file == FileBoundary::Begins {
                        ledger.boundaries.insert(checkpoint.position.seq);
                    }
                }
                Err(fault) => ledger.find_fault(fault),
            }
            ledger.notes += 1;
        }
        Ok(ledger)
    }

    fn find_fault(&mut self, fault: NoteFault) {
        self.fault.get_or_insert((self.notes + 1, fault));
    }

    fn add(&mut self, position: Position) {
        let known = self.roots.insert(position.seq, position.hash);
        if known.is_some_and(|known| known != position.hash) {
            self.contested.get_or_insert(position.seq);
        }
    }

    /// Whether a checkpoint says that a file begins behind this very entry.
    pub(super) fn has_file_behind(&self, position: Position) -> bool {
        self.boundaries.contains(&position.seq)
            && self.roots.get(&position.seq) == Some(&position.hash)
    }

    /// Whether a checkpoint speaks of another entry of this number.
    pub(super) fn contradicts(&self, position: Position) -> bool {
        let root = self.roots.get(&position.seq);
        self.contested == Some(position.seq) || root.is_some_and(|root| *root != position.hash)
    }

    /// The last entry that a checkpoint speaks of; 0 without one.
    pub(super) fn last_signed(&self) -> u64 {
        self.roots.last_key_value().map_or(0, |(seq, _)| *seq)
    }

    /// Whether a file begins behind the last entry that a checkpoint speaks of.
    pub(super) fn ends_with_a_file(&self) -> bool {
        self.boundaries.contains(&self.last_signed())
    }

    /// Whether a run died, or lives, so that the last line may not be whole.
    pub(super) fn is_unfinished(&self) -> bool {
        self.last_run.note().is_some()
    }

    /// What is wrong with the checkpoints of a log that ends with entry `last`.
    pub(super) fn breach(&self, last: u64) -> Option<Breach> {
        let signed = self.last_signed();
        if let Some(fault) = self.fault() {
            return Some(fault);
        }
        if self.notes == 0 {
            return Some(Breach::NoCheckpoint);
        }
        let is_unsigned = self.last_run == LastRun::Ended && last > signed;
        is_unsigned.then_some(Breach::Unsigned {
            seq: signed + 1,
            signed,
        })
    }

    /// The first checkpoint that is not what it has to be.
    fn fault(&self) -> Option<Breach> {
        let (number, fault) = self.fault?;
        Some(Breach::Checkpoint { number, fault })
    }
}
