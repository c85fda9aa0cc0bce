//! The checkpoints of one log, each with its signature verified.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::{Breach, ReadAuditError};
use crate::audit::NoteFault;
use crate::audit::chain::Position;
use crate::audit::note::{FileBoundary, next_note};
use crate::audit::verifier::CheckpointVerifier;

/// What the checkpoints of a log say about its entries.
#[derive(Debug, Default)]
pub struct CheckpointLedger {
    roots: BTreeMap<u64, [u8; 32]>,
    /// Entries behind which a file begins.
    boundaries: BTreeSet<u64>,
    /// Entries that two checkpoints call by different hashes. No log agrees with both.
    contested: Option<u64>,
    fault: Option<(u64, NoteFault)>,
}

impl CheckpointLedger {
    /// Reads a file of checkpoints. A last one that is cut off does not count.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(path: &Path, verifier: &CheckpointVerifier) -> Result<Self, ReadAuditError> {
        let failed = |error| ReadAuditError {
            path: path.to_owned(),
            error,
        };
        let mut source = BufReader::new(File::open(path).map_err(failed)?);
        let mut ledger = Self::default();
        let mut number = 0;
        while let Some((note, _)) = next_note(&mut source).map_err(failed)? {
            number += 1;
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
                Err(fault) => {
                    ledger.fault.get_or_insert((number, fault));
                }
            }
        }
        Ok(ledger)
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

    /// The first checkpoint that is not what it has to be.
    pub(super) fn fault(&self) -> Option<Breach> {
        let (number, fault) = self.fault?;
        Some(Breach::Checkpoint { number, fault })
    }
}
