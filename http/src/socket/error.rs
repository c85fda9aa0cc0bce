//! Why the socket could not be bound.

use std::io;
use std::path::PathBuf;

use signer_domain::{LockHolder, ShellWord, io_cure};

/// Why the socket could not be bound: one sentence for the operator, with the cure.
#[derive(Debug, thiserror::Error)]
pub enum BindSocketError {
    /// Another process listens there.
    #[error(
        "--socket {}: another process is listening there; stop it or choose another path",
        .path.display()
    )]
    Live {
        /// The path.
        path: PathBuf,
    },
    /// Another custodian starts or runs there, as far as its lock file tells.
    #[error(
        "--socket {}: its lock file is held by {holder}; stop it or choose another path",
        .path.display()
    )]
    Locked {
        /// The path.
        path: PathBuf,
        /// The process that holds the lock file.
        holder: LockHolder,
    },
    /// Something other than a socket stands there.
    #[error("--socket {}: there is a {found}, not a socket; move it away or choose another path", .path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
        /// What stands there.
        found: &'static str,
    },
    /// The lock file is something else.
    #[error("--socket {}: its lock file {}.lock is not a regular file; move that away", .path.display(), .path.display())]
    NotALockFile {
        /// The path of the socket.
        path: PathBuf,
    },
    /// The directory is not there.
    #[error(
        "--socket: the directory {} does not exist; create it with: install -d -m 0755 -o USER {}",
        .parent.display(), ShellWord::of_path(.parent)
    )]
    NoDirectory {
        /// The directory.
        parent: PathBuf,
    },
    /// Anyone could replace the socket.
    #[error(
        "--socket: the directory {} is writable by everyone without the sticky bit; \
         choose another one or run: chmod o-w {}",
        .parent.display(), ShellWord::of_path(.parent)
    )]
    OpenDirectory {
        /// The directory.
        parent: PathBuf,
    },
    /// The path does not fit into a socket address.
    #[error(
        "--socket {}: the path is {length} bytes long and a Unix socket takes at most {limit}; \
         choose a shorter one",
        .path.display()
    )]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// The longest one possible.
        limit: usize,
    },
    /// The path has no file name.
    #[error("--socket {}: the path must name a file, as in /run/plexsphere-signer/signer.sock", .path.display())]
    NoFileName {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error(
        "--socket {}: failed while {context}: {source}; {}",
        .path.display(),
        io_cure(.source).unwrap_or("check the directory's owner and permissions")
    )]
    Io {
        /// The path.
        path: PathBuf,
        /// What was being done, in the gerund.
        context: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
}
