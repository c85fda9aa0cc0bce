//! The claim of one process on one registry.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::file::beside;
use super::refusal::RegistryRefusal;

/// An exclusive advisory lock on `<registry>.lock`, held until it is dropped.
///
/// The system takes it back when the process ends, however it ends, so a lock file without a process
/// is never in the way. The file stays: removing it would let two processes lock two files.
#[derive(Debug)]
pub(super) struct Claim(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Claim {
    /// Claims the registry at `path`.
    pub(super) fn take(path: &Path) -> Result<Self, RegistryRefusal> {
        let path = beside(path, ".lock");
        let inaccessible = |error: io::Error| RegistryRefusal::Inaccessible {
            path: path.clone(),
            error,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(inaccessible)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(RegistryRefusal::InUse),
            Err(TryLockError::Error(error)) => Err(inaccessible(error)),
        }
    }
}
