//! What lies where.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The path of a file that belongs to the one at `path`: its path with `suffix` added.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The directory of the file at `path`.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes durable which files there are in the directory of `path`.
///
/// # Errors
/// When the system refuses.
pub fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = File::open(directory_of(path)).map_err(|error| match error.kind() {
        // Files can be made in a directory that cannot be read, and their names are not durable then.
        kind @ io::ErrorKind::PermissionDenied => io::Error::new(
            kind,
            "its directory cannot be read, so its name is not made durable",
        ),
        _ => error,
    })?;
    directory.sync_all()
}
