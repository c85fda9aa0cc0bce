//! Checkpoints as signed notes.
//!
//! The text is that of the C2SP specifications `tlog-checkpoint` and `signed-note`: origin, size and
//! root, then lines of our own, an empty line, and a signature. The size is the number of the last
//! entry and the root is its hash, so a checkpoint speaks for every entry up to that one.

use std::io::{self, BufRead};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::chain::Position;
use super::lines::{Next, next_line};
use super::mark::RegistryState;
use super::verifier::CheckpointVerifier;

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Whose log it is.
    pub(super) origin: String,
    /// How far the log went.
    pub(super) position: Position,
    /// How the registry stood.
    pub(super) registry: RegistryState,
    /// When it was signed.
    pub(super) time: String,
    /// The entries, first and last, that the operator gave up with this checkpoint.
    pub(super) cut: Option<(u64, u64)>,
    /// Whether a new file of the log begins behind it.
    pub(super) file: FileBoundary,
}

/// Whether a file of the log begins behind a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileBoundary {
    /// A file begins there, so the log may be shown from there on.
    Begins,
    /// The log goes on in the same file.
    None,
}

impl Checkpoint {
    /// The text that is signed.
    pub(super) fn text(&self) -> String {
        let root = STANDARD.encode(self.position.hash);
        let RegistryState { id, last_change } = &self.registry;
        let cut = self
            .cut
            .map_or_else(String::new, |(first, last)| format!("cut {first} {last}\n"));
        let file = match self.file {
            FileBoundary::Begins => format!("file {}\n", self.position.seq + 1),
            FileBoundary::None => String::new(),
        };
        format!(
            "{}\n{}\n{root}\nregistry {id} {last_change}\ntime {}\n{cut}{file}",
            self.origin, self.position.seq, self.time
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let origin = lines.next()?.to_owned();
        let seq: u64 = lines.next()?.parse().ok()?;
        let hash = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let (id, last_change) = lines.next()?.strip_prefix("registry ")?.split_once(' ')?;
        let registry = RegistryState {
            id: id.to_owned(),
            last_change: last_change.parse().ok()?,
        };
        let time = lines.next()?.strip_prefix("time ")?.to_owned();
        let mut cut = None;
        let mut file = FileBoundary::None;
        for line in lines {
            if let Some(range) = line.strip_prefix("cut ") {
                let (first, last) = range.split_once(' ')?;
                cut = Some((first.parse().ok()?, last.parse().ok()?));
            } else if line.starts_with("file ") {
                file = FileBoundary::Begins;
            }
        }
        let read = Self {
            origin,
            position: Position { seq, hash },
            registry,
            time,
            cut,
            file,
        };
        // Whatever else the text holds, or holds in another spelling, makes it another text.
        (read.text() == text).then_some(read)
    }
}

/// A note with its signature, not yet believed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Note {
    text: String,
    signature: String,
}

const SIGNATURE: &str = "\u{2014} ";

impl Note {
    /// A note with one signature, as it is written.
    pub(super) fn compose(
        text: &str,
        verifier: &CheckpointVerifier,
        signature: &[u8; 64],
    ) -> String {
        format!("{text}\n{SIGNATURE}{}\n", verifier.line(signature))
    }

    /// The checkpoint, when the key has signed it.
    pub(super) fn open(&self, verifier: &CheckpointVerifier) -> Result<Checkpoint, NoteFault> {
        let checkpoint = Checkpoint::parse(&self.text).ok_or(NoteFault::NoCheckpoint)?;
        if checkpoint.origin != verifier.name() {
            return Err(NoteFault::Foreign);
        }
        if verifier.signed(&self.text, &self.signature) {
            Ok(checkpoint)
        } else {
            Err(NoteFault::NotSigned)
        }
    }
}

/// What is wrong with a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// It is not a checkpoint of ours.
    #[error("is not a checkpoint of an audit log")]
    NoCheckpoint,
    /// It speaks of another log.
    #[error("is one of another audit log than the key's")]
    Foreign,
    /// The key has not signed it.
    #[error("is not signed by the checkpoint key")]
    NotSigned,
}

/// Reads the next note. `None` at the end; a note that is cut off is no note.
pub(super) fn next_note(source: &mut impl BufRead) -> io::Result<Option<(Note, u64)>> {
    let mut note = Note::default();
    let mut line = Vec::new();
    let mut length: u64 = 0;
    while next_line(source, &mut line)? == Next::Line {
        length += u64::try_from(line.len()).unwrap_or(u64::MAX) + 1;
        let text = String::from_utf8_lossy(&line);
        if text.is_empty() {
            if next_line(source, &mut line)? != Next::Line {
                return Ok(None);
            }
            length += u64::try_from(line.len()).unwrap_or(u64::MAX) + 1;
            let signature = String::from_utf8_lossy(&line);
            let signature = signature.strip_prefix(SIGNATURE).unwrap_or_default();
            signature.clone_into(&mut note.signature);
            return Ok(Some((note, length)));
        }
        note.text.push_str(&text);
        note.text.push('\n');
    }
    Ok(None)
}
