//! Looks at a path without changing anything.

use std::fs::FileType;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use signer_domain::lets_everyone_replace;

use super::BindSocketError;

/// The longest path of a socket: `sun_path` less its terminating NUL.
const MAX_PATH_LEN: usize = 107;

/// What stands at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occupant {
    /// Nothing.
    Nobody,
    /// A socket nobody listens on any more.
    Stale,
}

/// Finds out whether the path may be taken.
pub(super) fn inspect(path: &Path) -> Result<Occupant, BindSocketError> {
    let failed = |context| {
        move |source| BindSocketError::Io {
            path: path.to_owned(),
            context,
            source,
        }
    };
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Occupant::Nobody),
        Err(error) => return Err(failed("looking at the path")(error)),
    };
    if !found.file_type().is_socket() {
        return Err(BindSocketError::NotASocket {
            path: path.to_owned(),
            found: describe(found.file_type()),
        });
    }
    if is_live(path).map_err(failed("asking who listens there"))? {
        Err(BindSocketError::Live {
            path: path.to_owned(),
        })
    } else {
        Ok(Occupant::Stale)
    }
}

/// Refuses a directory that is not there or in which anyone could replace the socket.
pub(super) fn inspect_directory(parent: &Path) -> Result<(), BindSocketError> {
    let found = std::fs::metadata(parent)
        .ok()
        .filter(std::fs::Metadata::is_dir);
    let Some(found) = found else {
        return Err(BindSocketError::NoDirectory {
            parent: parent.to_owned(),
        });
    };
    if lets_everyone_replace(found.mode()) {
        return Err(BindSocketError::OpenDirectory {
            parent: parent.to_owned(),
        });
    }
    Ok(())
}

/// Refuses paths that do not fit into a socket address. `temporary` is where the socket is bound
/// before it is moved to `path`.
pub(super) fn inspect_length(path: &Path, temporary: &Path) -> Result<(), BindSocketError> {
    let length = path.as_os_str().len();
    let overhead = temporary.as_os_str().len().saturating_sub(length);
    let limit = MAX_PATH_LEN - overhead;
    if length > limit {
        return Err(BindSocketError::TooLong {
            path: path.to_owned(),
            length,
            limit,
        });
    }
    Ok(())
}

/// Whether a process listens on the socket at `path`. Never waits, not even for a full backlog. Only
/// a refused connection proves that nobody does; any other refusal may come from a living process.
fn is_live(path: &Path) -> io::Result<bool> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&probe, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(false),
        Ok(()) | Err(_) => Ok(true),
    }
}

fn describe(file_type: FileType) -> &'static str {
    if file_type.is_dir() {
        "directory"
    } else if file_type.is_symlink() {
        "symbolic link"
    } else if file_type.is_fifo() {
        "FIFO"
    } else if file_type.is_file() {
        "regular file"
    } else {
        "device"
    }
}
