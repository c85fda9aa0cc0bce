//! The key that signs checkpoints. The private half stays in this file.
//!
//! It is no key of a provider: it signs nothing for callers, has no handle, and is made by the audit
//! log for itself. It is kept apart from the software provider, whose keys derive from a seed that a
//! custodian in production does not have.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer as _, SigningKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::file::{self, beside};
use super::note::Note;
use super::refusal::AuditRefusal;
use super::verifier::CheckpointVerifier;

/// A checkpoint key. The private half is wiped when it is dropped.
pub(super) struct CheckpointKey {
    key: SigningKey,
    verifier: CheckpointVerifier,
}

impl CheckpointKey {
    /// Reads the key of the log at `log`; `None` when there is none yet.
    pub(super) fn read(log: &Path) -> Result<Option<Self>, AuditRefusal> {
        let path = path_of(log);
        let Some(mut file) = file::open_existing(&path, file::Audience::OwnerOnly)? else {
            return Ok(None);
        };
        let mut seed = Zeroizing::new([0; 32]);
        let mut surplus = Zeroizing::new([0; 1]);
        let is_whole =
            file.read_exact(seed.as_mut()).is_ok() && matches!(file.read(surplus.as_mut()), Ok(0));
        if is_whole {
            Ok(Some(Self::of_seed(&seed)))
        } else {
            Err(AuditRefusal::NoCheckpointKey { path })
        }
    }

    /// Makes the key of the log at `log`, which has none. It appears whole or not at all.
    pub(super) fn create(log: &Path) -> Result<Self, AuditRefusal> {
        let path = path_of(log);
        let failed = |error| AuditRefusal::Inaccessible {
            path: path.clone(),
            error,
        };
        let mut seed = Zeroizing::new([0; 32]);
        SystemRandom::new()
            .fill(seed.as_mut())
            .map_err(|_unspecific| failed(io::Error::other("the system gives no randomness")))?;
        let draft = beside(&path, ".new");
        let put = || {
            let mut file = fresh(&draft)?;
            file.write_all(seed.as_ref())?;
            file.sync_all()?;
            fs::rename(&draft, &path)?;
            file::sync_directory_of(&path)
        };
        put().map_err(failed)?;
        Ok(Self::of_seed(&seed))
    }

    fn of_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let verifier = CheckpointVerifier::of_key(key.verifying_key().to_bytes());
        Self { key, verifier }
    }

    /// Refuses what stands at the place of the public half and is none: it would be replaced.
    pub(super) fn spare_what_is_no_public_half(log: &Path) -> Result<(), AuditRefusal> {
        let path = public_path_of(log);
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => return Err(AuditRefusal::NotAFile { path }),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(AuditRefusal::Inaccessible { path, error }),
        }
        let mut bytes = Vec::new();
        let read = File::open(&path)
            .and_then(|file| file.take(LONGEST_PUBLIC_HALF).read_to_end(&mut bytes));
        if let Err(error) = read {
            return Err(AuditRefusal::Inaccessible { path, error });
        }
        let text = String::from_utf8_lossy(&bytes);
        match CheckpointVerifier::parse(&text) {
            Ok(_any) => Ok(()),
            Err(_other) => Err(AuditRefusal::Foreign {
                path,
                lack: "does not hold the public key",
            }),
        }
    }

    /// Writes the public half beside the key, unless it is there.
    pub(super) fn publish(&self, log: &Path) -> Result<(), AuditRefusal> {
        let path = public_path_of(log);
        let text = format!("{}\n", self.verifier.to_text());
        if fs::read_to_string(&path).is_ok_and(|found| found == text) {
            return Ok(());
        }
        let draft = beside(&path, ".new");
        let put = || {
            let mut file = fresh(&draft)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, &path)
        };
        put().map_err(|error| AuditRefusal::Inaccessible {
            path: path.clone(),
            error,
        })
    }

    /// A note of this text, signed.
    pub(super) fn sign(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        Note::compose(text, &self.verifier, &signature)
    }

    /// The public half.
    pub(super) const fn verifier(&self) -> &CheckpointVerifier {
        &self.verifier
    }
}

/// More than a verifier key takes.
const LONGEST_PUBLIC_HALF: u64 = 4096;

fn path_of(log: &Path) -> PathBuf {
    beside(log, ".checkpoint-key")
}

fn public_path_of(log: &Path) -> PathBuf {
    beside(&path_of(log), ".pub")
}

/// An empty file that only we may read, in place of what a crash may have left of an earlier one.
fn fresh(draft: &Path) -> io::Result<File> {
    match fs::remove_file(draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => file::create_new(draft),
    }
}

impl fmt::Debug for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckpointKey")
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_public_half_only() {
        let key = CheckpointKey::of_seed(&[0xa7; 32]);
        let shown = format!("{key:?}");
        assert_eq!(
            shown,
            format!("CheckpointKey {{ verifier: {:?}, .. }}", key.verifier)
        );
        assert!(!shown.contains("167, 167"), "{shown}");
    }
}
