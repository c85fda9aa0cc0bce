//! From a path to a log that goes on: claimed, looked through, and continued.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use signer_domain::LockHolder;
use tracing::warn;

use super::acceptance::Acceptance;
use super::checkpoint_key::CheckpointKey;
use super::checkpoints::Checkpoints;
use super::facts::KnownKey;
use super::file::{self, Policy, beside};
use super::found::Found;
use super::mark::{RegistryMark, RegistryState};
use super::metrics::AuditMetrics;
use super::own_files::OwnFiles;
use super::queue::{Limits, Queue};
use super::record::OwnEntry;
use super::recovery::Tail;
use super::refusal::{AuditRefusal, OpenAuditError};
use super::run::{Claim, NotedStore, Run};
use super::sink::Store;
use super::stale::StaleRegistry;
use super::stepping::SteppedStore;
use super::steps::{Disk, Step, Steps};
use super::store::FileStore;
use super::trail::FileAuditTrail;
use super::unfinished::{LastRun, ReadNotesError};
use super::writer::Writer;
use signer_files::{Watch, foreign_owner};

/// A log that goes on: what waits to be written, what writes it, and the claim on it.
pub(super) type TakenUp<S> = (Arc<Queue>, Writer<NotedStore<S>>, Claim);

/// A log that has been claimed and looked through, and in which nothing has been written yet.
#[derive(Debug)]
pub struct AuditOpening {
    path: PathBuf,
    /// The lock file, where it counts.
    claim: Option<File>,
    files: OwnFiles,
    found: Found,
    acceptance: Acceptance,
    steps: Steps,
}

/// Looks at what stands at the path of a log. Creates nothing and claims nothing. Says which registry
/// its last checkpoint speaks of.
///
/// # Errors
/// When the log could not be opened.
pub fn inspect(path: &Path) -> Result<Option<RegistryState>, OpenAuditError> {
    let last_run = run_that_ended(path);
    let found = last_run.and_then(|last_run| Found::at(path, last_run)?.refuse_a_loss(path));
    match found {
        Ok(found) => Ok(found.checkpoint.map(|checkpoint| checkpoint.registry)),
        Err(refusal) => Err(OpenAuditError {
            path: path.to_owned(),
            refusal,
        }),
    }
}

impl AuditOpening {
    /// Claims the log at `path` and looks it through.
    ///
    /// # Errors
    /// When it is in use, is out of reach, or is not what it has to be.
    pub fn claim(path: &Path, acceptance: Acceptance) -> Result<Self, OpenAuditError> {
        claim(path, acceptance).map_err(|refusal| OpenAuditError {
            path: path.to_owned(),
            refusal,
        })
    }

    /// Takes each step that changes a file on this disk.
    #[must_use]
    pub fn on_disk(self, disk: Arc<dyn Disk>) -> Self {
        let steps = Steps::on(disk);
        Self { steps, ..self }
    }

    /// The registry as the last checkpoint tells it.
    pub fn registry(&self) -> Option<&RegistryState> {
        let checkpoint = self.found.checkpoint.as_ref();
        checkpoint.map(|checkpoint| &checkpoint.registry)
    }

    /// Compares the registry with the last checkpoint.
    ///
    /// # Errors
    /// When it is another one, or older.
    pub fn compare(&self, now: &RegistryState) -> Result<(), StaleRegistry> {
        match self.registry() {
            Some(signed) if signed.id != now.id => Err(StaleRegistry::Other {
                signed: signed.id.clone(),
                found: now.id.clone(),
            }),
            Some(signed) if now.last_change < signed.last_change => Err(StaleRegistry::Older {
                signed: signed.last_change,
                found: now.last_change,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// What entries behind the last checkpoint say of keys. The registry has to agree.
    pub fn known_keys(&self) -> Vec<KnownKey> {
        self.found.tail.facts.keys()
    }

    /// Goes on with the log.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn start(self, registry: RegistryMark) -> Result<FileAuditTrail, OpenAuditError> {
        self.go_on_for(Some(registry))
    }

    /// Goes on with the log for the registry that it speaks of already, and for none when it has
    /// never been signed: nothing is signed then.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn start_as_it_stands(self) -> Result<FileAuditTrail, OpenAuditError> {
        let registry = self.registry().cloned();
        let registry = registry.map(|known| RegistryMark::new(known.id, move || known.last_change));
        self.go_on_for(registry)
    }

    fn go_on_for(self, registry: Option<RegistryMark>) -> Result<FileAuditTrail, OpenAuditError> {
        let path = self.path.clone();
        self.go_on(registry)
            .map_err(|refusal| OpenAuditError { path, refusal })
    }

    fn go_on(self, registry: Option<RegistryMark>) -> Result<FileAuditTrail, AuditRefusal> {
        let path = self.path.clone();
        let steps = self.steps.clone();
        let stepped = |store| SteppedStore::new(store, steps);
        let (queue, writer, claim) = self.take_up(registry, stepped)?;
        FileAuditTrail::spawn(queue, writer, claim)
            .map_err(|error| AuditRefusal::Inaccessible { path, error })
    }

    /// Takes the log up where it ends. The writer writes to what `around` makes of the store.
    pub(super) fn take_up<S: Store>(
        self,
        registry: Option<RegistryMark>,
        around: impl FnOnce(FileStore) -> S,
    ) -> Result<TakenUp<S>, AuditRefusal> {
        let Self {
            path,
            claim,
            files,
            found,
            acceptance,
            steps,
        } = self;
        let inaccessible = |error| AuditRefusal::Inaccessible {
            path: path.clone(),
            error,
        };
        let signed = found.signed();
        let is_new = found.key.is_none();
        let key = match found.key {
            Some(key) => key,
            None => CheckpointKey::draw(&path, &steps)?,
        };
        let Tail {
            position,
            length,
            torn,
            ..
        } = found.tail;
        let is_ahead = position.seq > signed || found.lost.is_some();
        let lock = Watch::over(claim.as_ref().map(|_held| lock_path(&path)), Vec::new());
        let lock = lock.map_err(|(path, error)| AuditRefusal::Inaccessible { path, error })?;
        let run = Run::new(claim, is_ahead, steps.clone()).watched_by(lock);
        let run = Arc::new(run);
        let checkpoints = Checkpoints::new(&path, key, registry, signed);
        let mut checkpoints = checkpoints.of_run(Arc::clone(&run), steps.clone());
        if is_new {
            checkpoints.sign_the_beginning().map_err(inaccessible)?;
        }
        if is_new || found.key_is_draft {
            CheckpointKey::settle(&path, &steps)?;
        }
        checkpoints.key().publish(&path)?;
        if length == 0 && position.seq > 0 {
            let first = position.seq + 1;
            warn!(
                first,
                "audit log begins anew; the entries before are in another file, or lost"
            );
        }
        if torn > 0
            && let Some(file) = &found.file
        {
            let cut = steps.take(Step::Truncate, || file.set_len(length));
            cut.map_err(inaccessible)?;
        }
        // Lines that a death left in the kernel's memory are about to be vouched for.
        if let Some(file) = &found.file {
            file.sync_data().map_err(inaccessible)?;
        }
        let store = NotedStore::new(
            around(FileStore::new(path.clone(), files)),
            Arc::clone(&run),
        );
        let mut own = Vec::new();
        if torn > 0 {
            own.push(OwnEntry::TailCut { bytes: torn });
        }
        match acceptance {
            Acceptance::Nothing => {}
            Acceptance::Registry => own.push(OwnEntry::AcceptRegistry),
            Acceptance::Cut => {
                let known = found.lost.map_or(signed, |lost| lost.known);
                let entries = known.saturating_sub(position.seq);
                own.push(OwnEntry::AcceptCut { entries });
                if entries > 0 {
                    checkpoints.give_up((position.seq + 1, known));
                }
            }
        }
        let queue = Arc::new(Queue::new(Limits::USUAL, AuditMetrics::new()));
        let claim = Claim(run);
        let mut writer = Writer::new(Arc::clone(&queue), store, position, checkpoints);
        writer.begin(&own).map_err(inaccessible)?;
        if acceptance != Acceptance::Nothing {
            writer.sign_checkpoint().map_err(inaccessible)?;
        }
        Ok((queue, writer, claim))
    }
}

fn claim(path: &Path, acceptance: Acceptance) -> Result<AuditOpening, AuditRefusal> {
    let lock = lock_path(path);
    if !lock.exists() {
        // Nobody writes it. What is refused gets no lock file put beside it.
        Found::at(path, LastRun::Unknown)?.permit(path, acceptance)?;
    }
    let (claim, last_run) = if let Some(owner) = foreign_owner(&lock) {
        let path = lock.display();
        warn!(owner, "lock file {path} of another user; it does not count");
        (None, LastRun::Unknown)
    } else {
        let (claim, last_run) = claim_lock(&lock)?;
        (Some(claim), last_run)
    };
    // Before it is looked through: nobody adds to it from here on.
    let files = OwnFiles::claim(path)?;
    Ok(AuditOpening {
        files,
        found: Found::at(path, last_run)?.permit(path, acceptance)?,
        path: path.to_owned(),
        claim,
        acceptance,
        steps: Steps::plain(),
    })
}

fn claim_lock(lock: &Path) -> Result<(File, LastRun), AuditRefusal> {
    let inaccessible = |error| AuditRefusal::Inaccessible {
        path: lock.to_owned(),
        error,
    };
    let mut claim = match file::open_existing(lock, Policy::State)? {
        Some(file) => file,
        None => make_lock(lock).map_err(inaccessible)?,
    };
    match claim.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(AuditRefusal::InUse(LockHolder::of(&claim))),
        Err(TryLockError::Error(error)) => return Err(inaccessible(error)),
    }
    let last_run = read_lock(&mut claim, lock)?;
    Ok((claim, last_run))
}

/// The path of the lock file of the log at `path`.
fn lock_path(path: &Path) -> PathBuf {
    beside(path, ".lock")
}

/// Makes a lock file. An empty one would say that the last run ended in order.
fn make_lock(lock: &Path) -> io::Result<File> {
    let mut file = file::open_or_create(lock, Policy::State)?;
    file.write_all(LastRun::NOTHING_KNOWN)?;
    Ok(file)
}

/// What is known of the last run, which must not live any more.
fn run_that_ended(path: &Path) -> Result<LastRun, AuditRefusal> {
    let lock = lock_path(path);
    if foreign_owner(&lock).is_some() {
        return Ok(LastRun::Unknown);
    }
    let Some(mut file) = file::open_existing(&lock, Policy::State)? else {
        return Ok(LastRun::Unknown);
    };
    match file.try_lock_shared() {
        Ok(()) => read_lock(&mut file, &lock),
        Err(TryLockError::WouldBlock) => Err(AuditRefusal::InUse(LockHolder::of(&file))),
        Err(TryLockError::Error(error)) => Err(AuditRefusal::Inaccessible { path: lock, error }),
    }
}

fn read_lock(file: &mut File, lock: &Path) -> Result<LastRun, AuditRefusal> {
    let path = || lock.to_owned();
    LastRun::read(file).map_err(|cause| match cause {
        ReadNotesError::Foreign => AuditRefusal::Foreign {
            path: path(),
            lack: "is not the lock file",
        },
        ReadNotesError::Io(error) => AuditRefusal::Inaccessible {
            path: path(),
            error,
        },
    })
}
