//! Whose a file is: locks on the data itself, lock files beside it, and a watch over the paths.
//!
//! A lock file can be removed and a path can lead elsewhere. So the lock that counts is one on the data,
//! which stays with it whatever it is called, and a custodian that runs looks whether its paths still
//! lead to the files that it opened, and whether what it left in them is still there.

mod data_lock;
mod lock_file;
mod seal;
mod watch;

pub(crate) use self::data_lock::{ClaimError, claim};
pub(crate) use self::lock_file::{LockFile, LockFileError, foreign_owner};
pub(crate) use self::seal::Seal;
pub(crate) use self::watch::{Displaced, FileId, Watch};

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// Whether the file has a second name (a hard link), behind which another process could use it.
pub(crate) fn has_a_second_name(file: &Metadata) -> bool {
    file.nlink() > 1
}
