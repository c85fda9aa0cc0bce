//! Checkpoints as signed notes.
//!
//! The text is that of the C2SP specifications `tlog-checkpoint` and `signed-note`: origin, size and
//! root, then lines of our own, an empty line, and a signature. The size is the number of the last
//! entry and the root is its hash, so a checkpoint speaks for every entry up to that one.

use std::io::{self, BufRead, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::chain::Position;
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
    /// The note of these bytes, of which the text ends at `end`, before an empty line.
    fn of(bytes: &[u8], end: usize) -> Self {
        let (text, rest) = bytes.split_at_checked(end).unwrap_or_default();
        let signature = String::from_utf8_lossy(rest);
        let signature = signature.trim_matches('\n');
        Self {
            text: String::from_utf8_lossy(text).into_owned(),
            signature: signature
                .strip_prefix(SIGNATURE)
                .unwrap_or_default()
                .to_owned(),
        }
    }

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
    /// It is longer than any checkpoint.
    #[error("is longer than any checkpoint")]
    TooLong,
}

/// More than the longest note: ids and numbers make up a few hundred bytes.
pub(super) const LONGEST: usize = 16 * 1024;

/// What comes next in a file of notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NextNote {
    /// A whole note, and how many bytes it takes.
    Note(Note, u64),
    /// Bytes that do not make up a note, up to the end of the file.
    Torn(Vec<u8>),
    /// More bytes than any note has.
    TooLong,
    /// Nothing.
    End,
}

/// Reads the next note. It ends with the line behind its first empty line.
pub(super) fn next_note(source: &mut impl BufRead) -> io::Result<NextNote> {
    let mut bytes = Vec::new();
    let mut text_ends_at = None;
    loop {
        let start = bytes.len();
        let room = u64::try_from(LONGEST - start).unwrap_or_default();
        source.by_ref().take(room).read_until(b'\n', &mut bytes)?;
        let line = bytes.get(start..).unwrap_or_default();
        if !line.ends_with(b"\n") {
            return Ok(match bytes.len() {
                0 => NextNote::End,
                LONGEST.. => NextNote::TooLong,
                _ => NextNote::Torn(bytes),
            });
        }
        match text_ends_at {
            Some(end) => return Ok(NextNote::Note(Note::of(&bytes, end), length_of(&bytes))),
            None if line == b"\n" => text_ends_at = Some(start),
            None => {}
        }
    }
}

/// Whether these bytes, which are no whole note, may be what a death left of one by the key of this name.
pub(super) fn may_be_torn(bytes: &[u8], name: &str) -> bool {
    // A loss of power may leave the end of a file unwritten.
    let unwritten = bytes.iter().rev().take_while(|byte| **byte == 0).count();
    let written = bytes.get(..bytes.len() - unwritten).unwrap_or_default();
    let text = match str::from_utf8(written) {
        Ok(text) => text,
        Err(cut) if cut.error_len().is_none() => {
            let whole = written.get(..cut.valid_up_to()).unwrap_or_default();
            str::from_utf8(whole).unwrap_or_default()
        }
        Err(_) => return false,
    };
    if bytes.len() >= LONGEST {
        return false;
    }
    let dash = format!("{SIGNATURE}{name} ");
    if let Some((text, signature)) = text.split_once("\n\n") {
        let lines: Vec<&str> = text.split('\n').collect();
        let is_short = signature.len() <= dash.len() + SIGNATURE_LEN;
        return lines.len() >= LINES
            && is_short
            && are_of_a_checkpoint(&lines, name)
            && begins(signature, &dash, BASE64);
    }
    let mut lines: Vec<&str> = text.split('\n').collect();
    let last = lines.pop().unwrap_or_default();
    are_of_a_checkpoint(&lines, name)
        && match lines.len() {
            0 => begins(last, name, ""),
            1 => begins(last, "", ""),
            2 => begins(last, "", BASE64),
            3 => begins(last, "registry ", " -_"),
            4 => begins(last, "time ", "-:."),
            _ => begins(last, "cut ", " ") || begins(last, "file ", ""),
        }
}

/// How many lines every text has.
const LINES: usize = 5;

/// Whether these are the first lines of a text: those of an invented one make it whole.
fn are_of_a_checkpoint(lines: &[&str], name: &str) -> bool {
    let root = STANDARD.encode([0; 32]);
    let invented = [name, "1", &root, "registry r 1", "time t"];
    let rest = invented.get(lines.len()..).unwrap_or_default();
    let text = [lines, rest].concat().join("\n") + "\n";
    Checkpoint::parse(&text).is_some_and(|checkpoint| checkpoint.origin == name)
}

/// Whether a line that may be torn begins with `head`, with letters, digits and `others` behind it.
fn begins(line: &str, head: &str, others: &str) -> bool {
    let is_plain = |rest: &str| {
        rest.chars()
            .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
    };
    head.starts_with(line) || line.strip_prefix(head).is_some_and(is_plain)
}

const BASE64: &str = "+/=";

/// The base64 of a key hash and a signature.
const SIGNATURE_LEN: usize = 92;

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
