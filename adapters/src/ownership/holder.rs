//! Asks the system which process holds a lock.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;

use rustix::fs::{major, minor};
use signer_domain::LockHolder;

/// The process that holds a lock on `file`.
pub(crate) fn holder_of(file: &File) -> LockHolder {
    let look = || {
        let found = file.metadata().ok()?;
        let locks = fs::read_to_string("/proc/locks").ok()?;
        let device = (major(found.dev()), minor(found.dev()));
        let pid = LockHolder::pid_in(&locks, device, found.ino())?;
        let uid = fs::metadata(format!("/proc/{pid}")).ok()?.uid();
        Some(LockHolder::Process { pid, uid })
    };
    look().unwrap_or(LockHolder::Unknown)
}
