//! The file of the registry, looked at without SQLite.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::refusal::RegistryRefusal;
use super::schema;

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

/// The path of a file that belongs to the registry: its path with `suffix` added.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Which file was opened, as opposed to which path.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Identity {
    /// The identity of the file that stands at `path` now.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let metadata: Metadata = fs::metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    /// Proves that the path still leads to the file that was opened. What is written into a file
    /// that was removed or replaced is lost at the next start.
    pub(super) fn verify(&self) -> Result<(), RegistryMoved> {
        match fs::metadata(&self.path) {
            Ok(now) if now.dev() == self.device && now.ino() == self.inode => Ok(()),
            Ok(_) | Err(_) => Err(RegistryMoved),
        }
    }
}

/// The file of the registry was removed or replaced while it was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the registry file was removed or replaced while it was open; restart the custodian")]
pub(super) struct RegistryMoved;
