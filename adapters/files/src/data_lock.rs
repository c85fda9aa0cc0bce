//! The lock on the data of one custodian.

use std::fs::{File, TryLockError};
use std::io;

use rustix::fs::{StatFs, fstatfs};
use signer_domain::LockHolder;

/// File systems that lend such a lock to a server, where it shuts out SQLite or readers: NFS, SMB 1, CIFS
/// and SMB 2, by the numbers of `linux/magic.h`. There the lock file alone counts.
pub(super) const OF_SERVERS: [u32; 4] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42];

/// Why a file is not ours.
#[derive(Debug)]
pub enum ClaimError {
    /// Another process holds it.
    Held(LockHolder),
    /// The system refused.
    Io(io::Error),
}

/// Claims the file for as long as this very `file` is open.
///
/// The lock (`flock`) belongs to the open file and not to the process. SQLite drops every POSIX lock of
/// the process on a file when it closes that file; this one is of another kind, and stays. It hangs on
/// the file itself, so that no other name, no lost lock file and no mount of its directory leads around
/// it. Closing `file` drops the locks that SQLite holds on it, so it is closed after SQLite has let go.
///
/// # Errors
/// When another process holds it, or the system refuses.
pub fn claim(file: &File) -> Result<(), ClaimError> {
    if is_one_of(&OF_SERVERS, fstatfs(file)) {
        return Ok(());
    }
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(ClaimError::Held(LockHolder::of(file))),
        Err(TryLockError::Error(error)) => Err(ClaimError::Io(error)),
    }
}

/// Whether a file system is of one of these kinds.
pub(super) fn is_one_of(kinds: &[u32], found: rustix::io::Result<StatFs>) -> bool {
    let magic = found
        .ok()
        .and_then(|found| u32::try_from(found.f_type).ok());
    magic.is_some_and(|magic| kinds.contains(&magic))
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::path::Path;

    use super::*;

    fn open(path: &Path) -> File {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        options.open(path).unwrap()
    }

    #[test]
    fn a_file_is_claimed_once_whatever_it_is_called_and_free_once_that_is_closed() {
        let place = tempfile::tempdir().unwrap();
        let ours = LockHolder::Process {
            pid: std::process::id(),
            uid: rustix::process::geteuid().as_raw(),
        };
        let (path, other) = (place.path().join("data"), place.path().join("other"));
        let first = open(&path);
        claim(&first).unwrap();
        std::fs::hard_link(&path, &other).unwrap();
        for name in [&path, &other] {
            // Closing another open file of it takes nothing away.
            drop(open(name));
            let refused = claim(&open(name));
            assert!(
                matches!(&refused, Err(ClaimError::Held(holder)) if *holder == ours),
                "{refused:?}"
            );
        }
        drop(first);
        claim(&open(&other)).unwrap();
    }
}
