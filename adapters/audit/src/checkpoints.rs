//! The file of checkpoints: when one is due, how it is written, what the last one says.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use signer_domain::clock;
use tracing::info;

use super::chain::Position;
use super::checkpoint_key::CheckpointKey;
use super::file::{self, Policy, beside};
use super::mark::RegistryMark;
use super::note::{self, Checkpoint, FileBoundary, NextNote, Note, next_note};
use super::record::micros;
use super::refusal::AuditRefusal;
use super::run::Run;
use super::steps::{Step, Steps};
use super::verifier::ORIGIN;

/// A checkpoint follows so many entries, or so much time behind the first of them.
const EVERY_ENTRIES: u64 = 1_000;
const EVERY: Duration = Duration::from_mins(1);

/// How long a checkpoint that could not be written waits for the next try.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// Signs checkpoints of one log.
#[derive(Debug)]
pub(super) struct Checkpoints {
    path: PathBuf,
    key: CheckpointKey,
    /// None when a log that has never been signed is opened only to accept how it stands.
    registry: Option<RegistryMark>,
    /// The run that is told what is covered.
    run: Option<Arc<Run>>,
    steps: Steps,
    /// What the last one spoke of.
    signed: u64,
    due_at: Instant,
    /// Whether the last try failed, so that only time makes the next one due.
    failed: bool,
    /// Whether a failed try may have left a part of a note.
    torn: bool,
    /// Entries that the next one gives up.
    cut: Option<(u64, u64)>,
}

/// The path of the checkpoints of the log at `log`.
pub(super) fn path_of(log: &Path) -> PathBuf {
    beside(log, ".checkpoint")
}

impl Checkpoints {
    /// Goes on behind the checkpoint of entry `signed`.
    pub(super) fn new(
        log: &Path,
        key: CheckpointKey,
        registry: impl Into<Option<RegistryMark>>,
        signed: u64,
    ) -> Self {
        Self {
            path: path_of(log),
            key,
            registry: registry.into(),
            run: None,
            steps: Steps::plain(),
            signed,
            due_at: Instant::now() + EVERY,
            failed: false,
            torn: true,
            cut: None,
        }
    }

    /// Tells the run what is covered.
    pub(super) fn of_run(self, run: Arc<Run>, steps: Steps) -> Self {
        Self {
            run: Some(run),
            steps,
            ..self
        }
    }

    /// Says that the run has left its file. What the file holds is signed then, if it could be, and
    /// nobody needs the file any more to tell how far it went.
    pub(super) fn left(&self) {
        if let Some(run) = &self.run {
            run.end();
        }
    }

    /// The key that signs.
    pub(super) const fn key(&self) -> &CheckpointKey {
        &self.key
    }

    /// Has the next one say that these entries, first and last, are given up.
    pub(super) fn give_up(&mut self, cut: (u64, u64)) {
        self.cut = Some(cut);
        self.signed = 0;
    }

    /// Whether the last one that was due could not be written. Entries behind it would be protected by
    /// nothing, however many they became.
    pub(super) fn is_behind(&self, position: Position) -> bool {
        self.failed && self.lag(position) > 0
    }

    /// How many entries are not yet spoken for.
    pub(super) fn lag(&self, position: Position) -> u64 {
        position.seq.saturating_sub(self.signed)
    }

    /// When the next one is due; never as long as nothing was added.
    pub(super) fn due(&self, position: Position) -> Option<Instant> {
        match self.lag(position) {
            0 => None,
            EVERY_ENTRIES.. if !self.failed => Some(Instant::now()),
            _ => Some(self.due_at),
        }
    }

    /// Signs that the log is empty. Every log begins with that, before its key is there, so that a key
    /// without a checkpoint tells of checkpoints that were removed.
    pub(super) fn sign_the_beginning(&mut self) -> io::Result<()> {
        self.sign_by(Step::MakeKey, Position::BEGINNING, FileBoundary::None)
    }

    /// Signs that the log goes as far as `position`, which has to be durable.
    pub(super) fn sign(&mut self, position: Position, file: FileBoundary) -> io::Result<()> {
        self.sign_by(Step::SignCheckpoint, position, file)
    }

    fn sign_by(&mut self, step: Step, position: Position, file: FileBoundary) -> io::Result<()> {
        let Some(registry) = &self.registry else {
            // There is no registry to speak of; whoever goes on with the log signs.
            return Ok(());
        };
        self.due_at = Instant::now() + TRY_AGAIN;
        self.failed = true;
        let text = Checkpoint {
            origin: self.key.verifier().name().to_owned(),
            position,
            registry: registry.state(),
            time: micros(clock::now()),
            cut: self.cut,
            file,
        }
        .text();
        let note = self.key.sign(&text);
        self.append(step, &note)?;
        info!(seq = position.seq, checkpoint = %note, "audit log signed");
        if let Some(run) = &self.run {
            run.cover();
        }
        self.signed = position.seq;
        self.cut = None;
        self.failed = false;
        self.due_at = Instant::now() + EVERY;
        Ok(())
    }

    fn append(&mut self, step: Step, note: &str) -> io::Result<()> {
        // The directory may have been moved away: what stands at the path now belongs to another log.
        self.run.as_ref().map_or(Ok(()), |run| run.stands())?;
        let mut file = file::open_or_create(&self.path, Policy::State)?;
        if std::mem::replace(&mut self.torn, true) {
            let whole = length_of_whole_notes(&mut file)?;
            self.steps.take(step, || file.set_len(whole))?;
        }
        // In two halves, because the kernel may as well: a test dies in between.
        let (front, back) = note.as_bytes().split_at(note.len() / 2);
        self.steps.write(step, &file, front)?;
        self.steps.write_durably(step, &file, back)?;
        self.torn = false;
        Ok(())
    }
}

/// The last whole checkpoint of the log at `log`.
pub(super) fn last(
    log: &Path,
    key: Option<&CheckpointKey>,
) -> Result<Option<Checkpoint>, AuditRefusal> {
    let path = path_of(log);
    let failed = |error| AuditRefusal::Inaccessible {
        path: path.clone(),
        error,
    };
    let Some(mut file) = file::open_existing(&path, Policy::State)? else {
        return Ok(None);
    };
    let found = last_note(&mut file).map_err(failed)?;
    let behind = found.as_ref().map_or(0, |(_, end)| *end);
    if !may_be_torn(&mut file, behind, key).map_err(failed)? {
        let lack = "does not hold the checkpoints";
        return Err(AuditRefusal::Foreign { path, lack });
    }
    let Some((note, _)) = found else {
        return Ok(None);
    };
    let key = key.ok_or_else(|| AuditRefusal::KeyLost {
        log: log.to_owned(),
    })?;
    match note.open(key.verifier()) {
        Ok(checkpoint) => Ok(Some(checkpoint)),
        Err(fault) => Err(AuditRefusal::BadCheckpoint { path, fault }),
    }
}

/// Whether what follows may be what a death left of a note. The next note cuts it away, so it must
/// not be somebody's.
fn may_be_torn(file: &mut File, offset: u64, key: Option<&CheckpointKey>) -> io::Result<bool> {
    file.seek(SeekFrom::Start(offset))?;
    let mut rest = Vec::new();
    let limit = u64::try_from(note::LONGEST).unwrap_or(u64::MAX);
    Read::by_ref(file).take(limit).read_to_end(&mut rest)?;
    if let Some(key) = key {
        return Ok(note::may_be_torn(&rest, key.verifier().name()));
    }
    let head = rest.get(..ORIGIN.len()).unwrap_or(&rest);
    Ok(ORIGIN.as_bytes().starts_with(head) || head.iter().all(|byte| *byte == 0))
}

fn length_of_whole_notes(file: &mut File) -> io::Result<u64> {
    Ok(last_note(file)?.map_or(0, |(_, end)| end))
}

/// The last whole note of a file, and where it ends. Only the end of a long file is read.
fn last_note(file: &mut File) -> io::Result<Option<(Note, u64)>> {
    let length = file.metadata()?.len();
    let mut window: u64 = 64 * 1024;
    loop {
        let start = length.saturating_sub(window);
        let found = last_note_from(file, start)?;
        if found.is_some() || start == 0 {
            return Ok(found);
        }
        window = window.saturating_mul(8);
    }
}

fn last_note_from(file: &mut File, start: u64) -> io::Result<Option<(Note, u64)>> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    // The position is not the beginning, so this is not the whole file.
    Read::by_ref(file).take(u64::MAX).read_to_end(&mut bytes)?;
    // Inside of a file the first note begins behind the first signature.
    let skipped = if start == 0 {
        Some(0)
    } else {
        behind_a_note(&bytes)
    };
    let Some(skipped) = skipped else {
        return Ok(None);
    };
    let mut source = BufReader::new(bytes.get(skipped..).unwrap_or_default());
    let mut end = start.saturating_add(u64::try_from(skipped).unwrap_or(u64::MAX));
    let mut last = None;
    while let NextNote::Note(note, length) = next_note(&mut source)? {
        end = end.saturating_add(length);
        last = Some((note, end));
    }
    Ok(last)
}

fn behind_a_note(bytes: &[u8]) -> Option<usize> {
    let empty_line = bytes.windows(2).position(|pair| pair == b"\n\n")? + 2;
    let signature = bytes
        .get(empty_line..)?
        .iter()
        .position(|byte| *byte == b'\n')?;
    Some(empty_line + signature + 1)
}
