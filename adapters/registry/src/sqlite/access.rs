//! Who else may change the registry.
//!
//! Whoever can write the file, or put another one in its place, decides which keys are retired. Reading
//! is let be: the registry holds names and public keys, and a backup may be made by another user.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::file::beside;
use super::lock::lock_path;
use super::refusal::RegistryRefusal;
use signer_domain::lets_everyone_replace;
use signer_files::{Objection, Policy, Process};

/// Judges the registry at `path`, which is resolved, the files beside it, and its directory.
pub(super) fn judge(path: &Path) -> Result<(), RegistryRefusal> {
    if let Some(directory) = path.parent() {
        judge_directory(directory)?;
    }
    judge_file(path)?;
    for suffix in ["-wal", "-shm", "-journal"] {
        let file = beside(path, suffix);
        // SQLite would follow a link, and wait at a pipe for a writer.
        if fs::symlink_metadata(&file).is_ok_and(|found| !found.is_file()) {
            return Err(RegistryRefusal::NotOfSqlite(file));
        }
        judge_file(&file)?;
    }
    match judge_file(&lock_path(path)) {
        // It does not count.
        Err(RegistryRefusal::ForeignOwner { .. }) => Ok(()),
        judged => judged,
    }
}

fn judge_directory(directory: &Path) -> Result<(), RegistryRefusal> {
    let found = fs::metadata(directory).map_err(|error| inaccessible(directory, error))?;
    if lets_everyone_replace(found.mode()) {
        return Err(RegistryRefusal::OpenDirectory(directory.to_owned()));
    }
    Ok(())
}

fn judge_file(path: &Path) -> Result<(), RegistryRefusal> {
    let access = match signer_files::look_at(path) {
        Ok((found, access)) if found.is_file() => access,
        // What else may stand there is judged by what it is.
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(inaccessible(path, error)),
    };
    let (path, process) = (path.to_owned(), Process::current());
    match access.judge(Policy::State, &process) {
        Ok(()) => Ok(()),
        Err(Objection::Owner(owner)) => {
            let user = process.user;
            Err(RegistryRefusal::ForeignOwner { path, owner, user })
        }
        Err(Objection::Open(_)) => {
            let mode = access.mode;
            Err(RegistryRefusal::WritableByOthers { path, mode })
        }
    }
}

fn inaccessible(path: &Path, error: io::Error) -> RegistryRefusal {
    RegistryRefusal::Inaccessible {
        path: path.to_owned(),
        error,
    }
}
