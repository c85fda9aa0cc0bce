//! Who else may change the registry.
//!
//! Whoever can write the file, or put another one in its place, decides which keys are retired. Reading
//! is let be: the registry holds names and public keys, and a backup may be made by another user. So is
//! writing by a group that the process belongs to: Kubernetes gives every file of a volume to the
//! `fsGroup` of the pod and lets that group write.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::{getegid, geteuid, getgroups};

use super::file::beside;
use super::refusal::RegistryRefusal;

const WRITABLE_BY_GROUP: u32 = 0o020;
const WRITABLE_BY_EVERYONE: u32 = 0o002;
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

/// Judges the registry at `path`, which is resolved, what SQLite keeps beside it, and its directory.
pub(super) fn judge(path: &Path) -> Result<(), RegistryRefusal> {
    if let Some(directory) = path.parent() {
        judge_directory(directory)?;
    }
    for suffix in ["", "-wal", "-shm", "-journal"] {
        judge_file(&beside(path, suffix))?;
    }
    Ok(())
}

/// In a sticky directory nobody replaces what belongs to another.
fn judge_directory(directory: &Path) -> Result<(), RegistryRefusal> {
    let found = fs::metadata(directory).map_err(|error| inaccessible(directory, error))?;
    if found.mode() & (WRITABLE_BY_EVERYONE | STICKY) == WRITABLE_BY_EVERYONE {
        return Err(RegistryRefusal::OpenDirectory(directory.to_owned()));
    }
    Ok(())
}

fn judge_file(path: &Path) -> Result<(), RegistryRefusal> {
    let found = match fs::metadata(path) {
        Ok(found) if found.is_file() => found,
        // What else may stand there is judged by what it is.
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(inaccessible(path, error)),
    };
    let path = path.to_owned();
    let (owner, user) = (found.uid(), geteuid().as_raw());
    if owner != user && owner != ROOT {
        return Err(RegistryRefusal::ForeignOwner { path, owner, user });
    }
    let mode = found.mode() & 0o7777;
    let of_a_foreign_group = mode & WRITABLE_BY_GROUP != 0 && !is_ours(found.gid());
    if mode & WRITABLE_BY_EVERYONE != 0 || of_a_foreign_group {
        return Err(RegistryRefusal::WritableByOthers { path, mode });
    }
    Ok(())
}

/// Whether the process belongs to a group. Where that cannot be told, it does not.
fn is_ours(group: u32) -> bool {
    let further = getgroups().unwrap_or_default();
    getegid().as_raw() == group || further.iter().any(|further| further.as_raw() == group)
}

fn inaccessible(path: &Path, error: io::Error) -> RegistryRefusal {
    RegistryRefusal::Inaccessible {
        path: path.to_owned(),
        error,
    }
}
