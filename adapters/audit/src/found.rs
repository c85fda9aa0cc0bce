//! What stands at the path of a log, and whether it may be continued.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::acceptance::Acceptance;
use super::checkpoint_key::CheckpointKey;
use super::checkpoints;
use super::file::{self, Policy};
use super::note::Checkpoint;
use super::recovery::{self, Tail};
use super::refusal::AuditRefusal;
use super::unfinished::{Holding, LastRun, Lost};
use signer_domain::lets_everyone_replace;
use signer_files::has_a_second_name;

/// What stands at the path of a log.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: Option<File>,
    pub(super) key: Option<CheckpointKey>,
    /// Whether the key was drawn by a first start that died before the key was in use.
    pub(super) key_is_draft: bool,
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) tail: Tail,
    /// What an unfinished run left that is not there any more.
    pub(super) lost: Option<Lost>,
    last_run: LastRun,
}

impl Found {
    /// Looks at what stands there, with what is known of the last run. Creates nothing.
    pub(super) fn at(path: &Path, last_run: LastRun) -> Result<Self, AuditRefusal> {
        if path.file_name().is_none() {
            return Err(AuditRefusal::NoName);
        }
        let directory = file::directory_of(path);
        match directory.metadata() {
            Ok(found) if found.is_dir() && lets_everyone_replace(found.mode()) => {
                return Err(AuditRefusal::OpenDirectory(directory.to_owned()));
            }
            Ok(found) if found.is_dir() => {}
            Ok(_) | Err(_) => return Err(AuditRefusal::NoDirectory(directory.to_owned())),
        }
        CheckpointKey::spare_what_is_no_public_half(path)?;
        let (key, key_is_draft) = match CheckpointKey::read(path)? {
            Some(key) => (Some(key), false),
            None => (signed_draft(path), true),
        };
        // Before the log: should it be written at this moment, then it only gets further ahead.
        let checkpoint = checkpoints::last(path, key.as_ref())?;
        let mut file = file::open_existing(path, Policy::State)?;
        let tail = match &mut file {
            Some(file) => {
                let inaccessible = |error| AuditRefusal::Inaccessible {
                    path: path.to_owned(),
                    error,
                };
                let opened = file.metadata().map_err(inaccessible)?;
                if has_a_second_name(&opened) {
                    return Err(AuditRefusal::SecondName);
                }
                recovery::read(file, opened.len(), checkpoint.as_ref())
            }
            None => recovery::read(&mut std::io::empty(), 0, checkpoint.as_ref()),
        };
        let tail = tail.map_err(|fault| AuditRefusal::of_tail(fault, path.to_owned()))?;
        let holding = match (&file, tail.held) {
            (None, _) => Holding::Absent,
            (Some(_), 0) => Holding::Empty,
            (Some(_), last) => Holding::UpTo(last),
        };
        Ok(Self {
            lost: last_run
                .note()
                .and_then(|note| note.misses(checkpoint.as_ref(), holding)),
            last_run,
            file,
            key_is_draft: key_is_draft && key.is_some(),
            key,
            checkpoint,
            tail,
        })
    }

    /// Refuses what the operator has not accepted.
    pub(super) fn permit(self, path: &Path, acceptance: Acceptance) -> Result<Self, AuditRefusal> {
        match acceptance {
            Acceptance::Nothing | Acceptance::Registry => self.refuse_a_loss(path),
            Acceptance::Cut => {
                self.refuse_the_unsigned(path)?;
                if self.is_cut() || self.lost.is_some() {
                    Ok(self)
                } else {
                    Err(AuditRefusal::NotCut)
                }
            }
        }
    }

    /// Refuses a log that lacks signatures which must have been there: to go on would sign whatever stands
    /// there now.
    fn refuse_the_unsigned(&self, path: &Path) -> Result<(), AuditRefusal> {
        let log = path.to_owned();
        let is_begun = self.key.is_some() || self.tail.held > 0 || self.last_run.note().is_some();
        if self.checkpoint.is_none() && is_begun {
            return Err(AuditRefusal::NoCheckpoint { log });
        }
        let (last, signed) = (self.tail.position.seq, self.signed());
        if self.last_run == LastRun::Ended && last > signed {
            return Err(AuditRefusal::Unsigned { log, last, signed });
        }
        Ok(())
    }

    /// Refuses a log that lacks what was in it.
    pub(super) fn refuse_a_loss(self, path: &Path) -> Result<Self, AuditRefusal> {
        self.refuse_the_unsigned(path)?;
        let log = path.to_owned();
        if self.is_cut() {
            let (last, signed) = (self.tail.position.seq, self.signed());
            return Err(AuditRefusal::Cut { log, last, signed });
        }
        match self.lost {
            None => Ok(self),
            Some(Lost { holding, known }) => Err(match holding {
                Holding::Absent => AuditRefusal::Gone { log },
                Holding::Empty => AuditRefusal::Emptied { log },
                Holding::UpTo(last) => AuditRefusal::Short { log, last, known },
            }),
        }
    }

    fn is_cut(&self) -> bool {
        self.tail.position.seq < self.signed()
    }

    /// The last entry that a checkpoint speaks of.
    pub(super) fn signed(&self) -> u64 {
        let checkpoint = self.checkpoint.as_ref();
        checkpoint.map_or(0, |checkpoint| checkpoint.position.seq)
    }
}

/// The key that a first start drew, when it has signed the beginning of the log already.
fn signed_draft(path: &Path) -> Option<CheckpointKey> {
    let draft = CheckpointKey::read_draft(path)?;
    let signed = checkpoints::last(path, Some(&draft)).ok().flatten();
    signed.map(|_its_own| draft)
}
