//! Checkpoints as signed notes.
//!
//! The text is that of the C2SP specifications `tlog-checkpoint` and `signed-note`: origin, size and
//! root, then lines of our own, an empty line, and a signature. The size is the number of the last
//! entry and the root is its hash, so a checkpoint speaks for every entry up to that one.

use std::io::{self, BufRead};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use super::chain::Position;
use super::lines::{Next, next_line};

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
}

/// How a registry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryState {
    /// Its id.
    pub id: String,
    /// The number of its last change.
    pub last_change: u64,
}

/// What every origin of ours begins with; the id of the log follows.
pub(super) const ORIGIN: &str = "plexsphere-signer/audit/";

impl Checkpoint {
    /// The text that is signed.
    pub(super) fn text(&self) -> String {
        let root = STANDARD.encode(self.position.hash);
        let RegistryState { id, last_change } = &self.registry;
        let cut = self
            .cut
            .map_or_else(String::new, |(first, last)| format!("cut {first} {last}\n"));
        format!(
            "{}\n{}\n{root}\nregistry {id} {last_change}\ntime {}\n{cut}",
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
        let cut = match lines.next() {
            Some(line) => {
                let (first, last) = line.strip_prefix("cut ")?.split_once(' ')?;
                Some((first.parse().ok()?, last.parse().ok()?))
            }
            None => None,
        };
        let read = Self {
            origin,
            position: Position { seq, hash },
            registry,
            time,
            cut,
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
        let body = STANDARD.encode([&verifier.key_hash[..], signature].concat());
        format!("{text}\n{SIGNATURE}{} {body}\n", verifier.name)
    }

    /// The checkpoint, when the key has signed it.
    pub(super) fn open(&self, verifier: &CheckpointVerifier) -> Result<Checkpoint, NoteFault> {
        let checkpoint = Checkpoint::parse(&self.text).ok_or(NoteFault::NoCheckpoint)?;
        if checkpoint.origin != verifier.name {
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

/// The public half of a checkpoint key, and the name it signs by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointVerifier {
    name: String,
    key_hash: [u8; 4],
    public_key: [u8; 32],
}

/// The signature type of plain Ed25519 in signed notes.
const ED25519_TYPE: u8 = 1;

impl CheckpointVerifier {
    /// The verifier of a key that signs for the log that the key itself gives its id.
    pub(super) fn of_key(public_key: [u8; 32]) -> Self {
        let digest: [u8; 32] = Sha256::digest(public_key).into();
        let id = super::hex::encode(digest.get(..8).unwrap_or_default());
        let name = format!("{ORIGIN}{id}");
        Self {
            key_hash: key_hash(&name, &public_key),
            name,
            public_key,
        }
    }

    /// Reads a verifier key, `<name>+<hash>+<base64>`.
    ///
    /// # Errors
    /// When it is none of an Ed25519 key.
    pub fn parse(text: &str) -> Result<Self, ParseVerifierError> {
        Self::read(text.trim()).ok_or(ParseVerifierError)
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '+');
        let (name, hash, key) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = STANDARD.decode(key).ok()?;
        let (kind, public_key) = bytes.split_first()?;
        let public_key: [u8; 32] = public_key.try_into().ok()?;
        let key_hash = key_hash(name, &public_key);
        let is_sound = *kind == ED25519_TYPE
            && super::hex::decode(hash.as_bytes()) == Some(key_hash)
            && !name.is_empty()
            && !name.contains(char::is_whitespace);
        is_sound.then(|| Self {
            name: name.to_owned(),
            key_hash,
            public_key,
        })
    }

    /// The verifier key as text.
    pub fn to_text(&self) -> String {
        let key = STANDARD.encode([&[ED25519_TYPE][..], &self.public_key].concat());
        format!("{}+{}+{key}", self.name, super::hex::encode(&self.key_hash))
    }

    /// The name of the key, which is the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn signed(&self, text: &str, signature: &str) -> bool {
        let Some((name, body)) = signature.split_once(' ') else {
            return false;
        };
        let bytes = STANDARD.decode(body).unwrap_or_default();
        let Some((hash, signature)) = bytes.split_first_chunk::<4>() else {
            return false;
        };
        name == self.name
            && *hash == self.key_hash
            && UnparsedPublicKey::new(&ED25519, self.public_key)
                .verify(text.as_bytes(), signature)
                .is_ok()
    }
}

fn key_hash(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update([b'\n', ED25519_TYPE]);
    hasher.update(public_key);
    let [a, b, c, d, ..] = <[u8; 32]>::from(hasher.finalize());
    [a, b, c, d]
}

/// The text is not a verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the verifier key of a checkpoint key, \"<name>+<hash>+<base64>\"")]
pub struct ParseVerifierError;
