//! The Unix socket the custodian listens on: bound without ever taking somebody else's place, and
//! removed only while it is ours.

mod bind;
mod error;
mod inspect;

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

pub use error::BindSocketError;

/// Where the socket is and who may connect to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketSettings {
    /// The path of the socket.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

/// A socket that is bound, listens, and stands at its path.
///
/// It is removed when this value is dropped, if the path still names it. The lock file `<path>.lock`
/// stays: it is what keeps two processes from replacing the same stale socket.
#[derive(Debug)]
pub struct BoundSocket {
    listener: UnixListener,
    place: SocketPlace,
}

impl BoundSocket {
    /// Binds the socket. A stale socket at the path is replaced; a live one, or anything that is not
    /// a socket, is left untouched.
    ///
    /// Changes the umask of the process for the length of the call. Call it before other threads
    /// make files.
    ///
    /// # Errors
    /// One sentence that names `--socket`, what is in the way, and the cure.
    pub fn bind(settings: SocketSettings) -> Result<Self, BindSocketError> {
        bind::bind(settings)
    }

    pub(crate) fn into_parts(self) -> (UnixListener, SocketPlace) {
        (self.listener, self.place)
    }
}

/// The path of a bound socket, and what identifies the socket there as ours.
#[derive(Debug)]
pub(crate) struct SocketPlace {
    path: PathBuf,
    identity: Identity,
    /// Held, never read: the lock goes with the file. None where another user put a file there.
    _lock: Option<File>,
}

impl SocketPlace {
    /// Whether the path still names our socket.
    pub(crate) fn is_ours(&self) -> bool {
        Identity::of(&self.path).is_ok_and(|found| found == self.identity)
    }

    /// Removes the socket from its path if it is still ours. Connections are not affected.
    pub(crate) fn vacate(&self) {
        if self.is_ours()
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "socket not removed");
        }
    }
}

impl Drop for SocketPlace {
    fn drop(&mut self) {
        self.vacate();
    }
}

/// What tells one file from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(path)?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
        })
    }
}
