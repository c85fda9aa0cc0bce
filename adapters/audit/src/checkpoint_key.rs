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
use super::steps::{Step, Steps};
use super::verifier::CheckpointVerifier;

/// A checkpoint key. The seed stays in one place on the heap, so that moving the key copies no secret,
/// and is wiped there when it is dropped.
pub(super) struct CheckpointKey {
    seed: Box<Zeroizing<[u8; 32]>>,
    verifier: CheckpointVerifier,
}

impl CheckpointKey {
    /// Reads the key of the log at `log`; `None` when there is none yet.
    pub(super) fn read(log: &Path) -> Result<Option<Self>, AuditRefusal> {
        Self::read_from(path_of(log))
    }

    /// Reads a key that was drawn and has not been taken into use.
    pub(super) fn read_draft(log: &Path) -> Option<Self> {
        Self::read_from(draft_of(log)).ok().flatten()
    }

    fn read_from(path: PathBuf) -> Result<Option<Self>, AuditRefusal> {
        let Some(mut file) = file::open_existing(&path, file::Policy::KeptSecret)? else {
            return Ok(None);
        };
        let mut surplus = Zeroizing::new([0; 1]);
        let read = Self::of_seed(|seed| {
            file.read_exact(seed)?;
            match file.read(surplus.as_mut())? {
                0 => Ok(()),
                _ => Err(io::ErrorKind::InvalidData.into()),
            }
        });
        match read {
            Ok(key) => Ok(Some(key)),
            Err(_not_32_bytes) => Err(AuditRefusal::NoCheckpointKey { path }),
        }
    }

    /// Draws a key for the log at `log`, which has none. It is not in use before it is
    /// [settled](Self::settle).
    pub(super) fn draw(log: &Path, steps: &Steps) -> Result<Self, AuditRefusal> {
        let failed = |error| AuditRefusal::Inaccessible {
            path: path_of(log),
            error,
        };
        let key = Self::of_seed(|seed| {
            let drawn = SystemRandom::new().fill(seed);
            drawn.map_err(|_unspecific| io::Error::other("the system gives no randomness"))
        });
        let key = key.map_err(failed)?;
        let put = || {
            let file = fresh(&draft_of(log))?;
            steps.write_durably(Step::MakeKey, &file, key.seed.as_ref().as_ref())?;
            file::sync_directory_of(log)
        };
        put().map_err(failed)?;
        Ok(key)
    }

    /// Takes the key that was drawn into use. It appears whole or not at all.
    pub(super) fn settle(log: &Path, steps: &Steps) -> Result<(), AuditRefusal> {
        let path = path_of(log);
        let put = || {
            steps.take(Step::MakeKey, || {
                fs::rename(draft_of(log), &path)?;
                file::sync_directory_of(&path)
            })
        };
        put().map_err(|error| AuditRefusal::Inaccessible {
            path: path.clone(),
            error,
        })
    }

    fn of_seed(fill: impl FnOnce(&mut [u8; 32]) -> io::Result<()>) -> io::Result<Self> {
        let mut seed = Box::new(Zeroizing::new([0; 32]));
        fill(&mut seed)?;
        let public_key = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        let verifier = CheckpointVerifier::of_key(public_key);
        Ok(Self { seed, verifier })
    }

    /// Refuses what stands at the place of the public half and is none: it would be replaced. Whoever can
    /// change it decides which key its readers believe.
    pub(super) fn spare_what_is_no_public_half(log: &Path) -> Result<(), AuditRefusal> {
        let path = public_path_of(log);
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => return Err(AuditRefusal::NotAFile { path }),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(AuditRefusal::Inaccessible { path, error }),
        }
        let inaccessible = |error| {
            let path = path.clone();
            AuditRefusal::Inaccessible { path, error }
        };
        let file = File::open(&path).map_err(inaccessible)?;
        file::judge(&path, &file, file::Policy::State)?;
        let mut bytes = Vec::new();
        let read = file.take(LONGEST_PUBLIC_HALF).read_to_end(&mut bytes);
        read.map_err(inaccessible)?;
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
        let text = self.verifier.to_file();
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
        let signature = SigningKey::from_bytes(&self.seed).sign(text.as_bytes());
        Note::compose(text, &self.verifier, &signature.to_bytes())
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

/// Where a key is before it is in use.
fn draft_of(log: &Path) -> PathBuf {
    beside(&path_of(log), ".new")
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
        let key = CheckpointKey::of_seed(|seed| {
            seed.fill(0xa7);
            Ok(())
        });
        let key = key.unwrap();
        let shown = format!("{key:?}");
        assert_eq!(
            shown,
            format!("CheckpointKey {{ verifier: {:?}, .. }}", key.verifier)
        );
        assert!(!shown.contains("167, 167"), "{shown}");
    }
}
