//! The public half of a checkpoint key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use super::hex;

/// What every origin of ours begins with; the id of the log follows.
pub(super) const ORIGIN: &str = "plexsphere-signer/audit/";

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
        let id = hex::encode(digest.get(..8).unwrap_or_default());
        let name = format!("{ORIGIN}{id}");
        Self {
            key_hash: key_hash(&name, &public_key),
            name,
            public_key,
        }
    }

    /// Reads a verifier key, `<name>+<hash>+<base64>`, with a line end or without.
    ///
    /// # Errors
    /// When it is none of an Ed25519 key.
    pub fn parse(text: &str) -> Result<Self, ParseVerifierError> {
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        Self::read(line).ok_or(ParseVerifierError)
    }

    /// Reads the file of a verifier key as a custodian wrote it, to the byte.
    ///
    /// # Errors
    /// When it is cut off, or holds anything else.
    pub fn parse_file(text: &str) -> Result<Self, ParseVerifierError> {
        let verifier = Self::parse(text)?;
        let is_as_written = text == verifier.to_file();
        is_as_written.then_some(verifier).ok_or(ParseVerifierError)
    }

    /// The file of the verifier key.
    pub(super) fn to_file(&self) -> String {
        format!("{}\n", self.to_text())
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '+');
        let (name, hash, key) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = STANDARD.decode(key).ok()?;
        let (kind, public_key) = bytes.split_first()?;
        let public_key: [u8; 32] = public_key.try_into().ok()?;
        let key_hash = key_hash(name, &public_key);
        let is_sound = *kind == ED25519_TYPE
            && hex::decode(hash.as_bytes()) == Some(key_hash)
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
        format!("{}+{}+{key}", self.name, hex::encode(&self.key_hash))
    }

    /// The name of the key, which is the origin of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The signature line of a note, less its dash.
    pub(super) fn line(&self, signature: &[u8; 64]) -> String {
        let body = STANDARD.encode([&self.key_hash[..], signature].concat());
        format!("{} {body}", self.name)
    }

    /// Whether such a line is the key's under this text.
    pub(super) fn signed(&self, text: &str, signature: &str) -> bool {
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
