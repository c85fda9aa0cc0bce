//! A lock file beside the data: it keeps two custodians from making the data at once.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;
use signer_domain::LockHolder;

use super::has_a_second_name;

/// A lock file.
#[derive(Debug)]
pub enum LockFile {
    /// It is ours, and locked for as long as it is open.
    Taken(File),
    /// Another user put it there. It says nothing, for that user may be anybody.
    Foreign {
        /// The user.
        owner: u32,
    },
}

/// Why a lock file was not taken.
#[derive(Debug)]
pub enum LockFileError {
    /// Another process holds it.
    Held(LockHolder),
    /// What stands there is a link, a pipe, a directory or the like, or has a second name.
    NotALockFile,
    /// The system refused.
    Io(io::Error),
}

impl From<io::Error> for LockFileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl LockFile {
    /// Takes the lock file at `path`, and makes it when there is none. Follows no link.
    ///
    /// # Errors
    /// When another process holds it, when it is no lock file, or when the system refuses.
    pub fn take(path: &Path) -> Result<Self, LockFileError> {
        if let Some(owner) = foreign_owner(path) {
            return Ok(Self::Foreign { owner });
        }
        let mut is_new = false;
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => return Err(LockFileError::NotALockFile),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => is_new = true,
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(is_new)
            .mode(0o600)
            .custom_flags(flags.bits().cast_signed())
            .open(path)?;
        let opened = file.metadata()?;
        if !opened.is_file() || has_a_second_name(&opened) {
            return Err(LockFileError::NotALockFile);
        }
        match file.try_lock() {
            Ok(()) => Ok(Self::Taken(file)),
            Err(TryLockError::WouldBlock) => Err(LockFileError::Held(LockHolder::of(&file))),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }
}

/// Who put the lock file at `path` there, unless it was root or the user that runs this process. Such a
/// file does not count, whatever it says and whoever holds it.
pub fn foreign_owner(path: &Path) -> Option<u32> {
    signer_domain::foreign_owner(path, rustix::process::geteuid().as_raw())
}
