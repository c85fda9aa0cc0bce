//! The file of the registry, looked at without SQLite.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::refusal::RegistryRefusal;
use super::schema;
use signer_files::has_a_second_name;

pub(super) use signer_files::beside;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What stands at the path of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Nothing,
    /// A file whose header is that of a registry.
    Registry,
}

/// The path with its directory and its links resolved, so that every spelling of a path leads to
/// one lock file and one write-ahead log.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, RegistryRefusal> {
    if let Ok(resolved) = fs::canonicalize(path) {
        return Ok(resolved);
    }
    if fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        return Err(RegistryRefusal::DanglingLink);
    }
    let name = path.file_name().ok_or(RegistryRefusal::NotAFile)?;
    let parent = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    match fs::canonicalize(parent) {
        Ok(directory) if directory.is_dir() => Ok(directory.join(name)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let path = parent.to_owned();
            Err(RegistryRefusal::Inaccessible { path, error })
        }
        Ok(_) | Err(_) => Err(RegistryRefusal::NoDirectory(parent.to_owned())),
    }
}

/// Looks at the header of what stands at `path`, and changes nothing.
///
/// Closing the file gives up the locks that SQLite holds on it for this process, so this runs only
/// while this process does not have the registry open.
pub(super) fn inspect(path: &Path) -> Result<Found, RegistryRefusal> {
    let inaccessible = |error| RegistryRefusal::Inaccessible {
        path: path.to_owned(),
        error,
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return no_log_stands(path),
        Err(error) => return Err(inaccessible(error)),
        Ok(metadata) if !metadata.is_file() => return Err(RegistryRefusal::NotAFile),
        Ok(metadata) if metadata.len() == 0 => return Err(RegistryRefusal::Empty),
        Ok(metadata) if has_a_second_name(&metadata) => return Err(RegistryRefusal::SecondName),
        Ok(_) => {}
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(inaccessible)?;
    judge(&read_header(&mut file).map_err(inaccessible)?)
}

/// Whether nothing stands at `path`, and no log of a registry beside it.
pub(super) fn is_absent(path: &Path) -> bool {
    let gone = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
    fs::metadata(path).is_err_and(gone) && no_log_stands(path).is_ok()
}

/// A log beside no database would be replayed into the next one that is made there.
fn no_log_stands(path: &Path) -> Result<Found, RegistryRefusal> {
    for suffix in ["-wal", "-journal"] {
        let log = beside(path, suffix);
        if fs::symlink_metadata(&log).is_ok_and(|metadata| metadata.len() > 0) {
            return Err(RegistryRefusal::OrphanedLog(log));
        }
    }
    Ok(Found::Nothing)
}

fn read_header(file: &mut File) -> io::Result<Vec<u8>> {
    let mut header = Vec::with_capacity(100);
    file.take(100).read_to_end(&mut header)?;
    Ok(header)
}

/// The fields of the header are big-endian (<https://www.sqlite.org/fileformat2.html>, 1.3).
fn judge(header: &[u8]) -> Result<Found, RegistryRefusal> {
    let number = |at: usize| {
        let bytes = header.get(at..at + 4)?.try_into().ok()?;
        Some(i32::from_be_bytes(bytes))
    };
    let (true, Some(version), Some(application)) =
        (header.starts_with(MAGIC), number(60), number(68))
    else {
        return Err(RegistryRefusal::NotADatabase);
    };
    if application != schema::APPLICATION_ID {
        return Err(RegistryRefusal::Foreign);
    }
    schema::permit(version.into())?;
    Ok(Found::Registry)
}
