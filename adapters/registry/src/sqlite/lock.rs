//! The claim of one process on one registry.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use tracing::warn;

use super::file::beside;
use super::refusal::RegistryRefusal;
use signer_files::{ClaimError, FileId, LockFile, LockFileError, has_a_second_name};

/// The claim on the database itself, and on the lock file beside it.
///
/// The system takes both back when the process ends, however it ends. The lock file stays: removing it
/// would let two processes lock two files. It settles who makes a database that is not there yet, and it
/// is what earlier versions look at; that only one process uses a database settles the database.
///
/// It is dropped behind every connection: closing the database file drops the locks of SQLite.
#[derive(Debug)]
pub(super) struct Claim {
    lock: Option<File>,
    #[expect(dead_code, reason = "the open file is the claim")]
    data: Option<File>,
}

impl Claim {
    /// Claims the lock file of the registry at `path`, and the right to make the database.
    pub(super) fn take(path: &Path) -> Result<Self, RegistryRefusal> {
        let lock = lock_path(path);
        match LockFile::take(&lock) {
            Ok(LockFile::Taken(file)) => Ok(Self {
                lock: Some(file),
                data: None,
            }),
            Ok(LockFile::Foreign { owner }) => {
                let path = lock.display();
                warn!(owner, "lock file {path} of another user; it does not count");
                let (lock, data) = (None, None);
                Ok(Self { lock, data })
            }
            Err(LockFileError::Held(holder)) => Err(RegistryRefusal::InUse(holder)),
            Err(LockFileError::NotALockFile) => Err(RegistryRefusal::NotALockFile(lock)),
            Err(LockFileError::Io(error)) => Err(inaccessible(&lock, error)),
        }
    }

    /// Claims the database, which stands by now. SQLite must not have it open in this process yet.
    pub(super) fn take_data(self, path: &Path) -> Result<Self, RegistryRefusal> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits().cast_signed())
            .open(path)
            .map_err(|error| inaccessible(path, error))?;
        let opened = file.metadata().map_err(|error| inaccessible(path, error))?;
        if has_a_second_name(&opened) {
            return Err(RegistryRefusal::SecondName);
        }
        match signer_files::claim(&file) {
            Ok(()) => {}
            Err(ClaimError::Held(holder)) => return Err(RegistryRefusal::InUse(holder)),
            Err(ClaimError::Io(error)) => return Err(inaccessible(path, error)),
        }
        if !FileId::at(path).is_ok_and(|found| found == FileId::of(&opened)) {
            let error = io::Error::other("it was replaced meanwhile");
            return Err(inaccessible(path, error));
        }
        Ok(Self {
            data: Some(file),
            ..self
        })
    }

    /// The lock file, where it is ours.
    pub(super) fn lock_path(&self, path: &Path) -> Option<PathBuf> {
        self.lock.as_ref().map(|_held| lock_path(path))
    }
}

/// The path of the lock file of the registry at `path`.
pub(super) fn lock_path(path: &Path) -> PathBuf {
    beside(path, ".lock")
}

fn inaccessible(path: &Path, error: io::Error) -> RegistryRefusal {
    RegistryRefusal::Inaccessible {
        path: path.to_owned(),
        error,
    }
}
