//! Whose a file is, and who may read or change it: every file that the custodian relies on is judged,
//! locked and watched here.
//!
//! A lock file can be removed and a path can lead elsewhere. So the lock that counts is one on the data,
//! which stays with it whatever it is called, and a custodian that runs looks whether its paths still
//! lead to the files that it opened, and whether what it left in them is still there.

mod access;
mod data_lock;
mod identity;
mod lock_file;
mod places;
mod seal;
pub mod secret;
mod watch;

pub use self::access::{FileAccess, Grantee, Objection, Place, Policy, Process, look_at};
pub use self::data_lock::{ClaimError, claim};
pub use self::identity::{Displaced, FileId};
pub use self::lock_file::{LockFile, LockFileError, foreign_owner};
pub use self::places::{beside, directory_of, sync_directory_of};
pub use self::seal::Seal;
pub use self::watch::Watch;

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// Whether the file has a second name (a hard link), behind which another process could use it.
pub fn has_a_second_name(file: &Metadata) -> bool {
    file.nlink() > 1
}
