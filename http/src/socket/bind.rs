//! Takes the path, in an order in which nothing of anybody else's is ever touched.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use signer_domain::{LockHolder, foreign_owner};

use super::inspect::{Occupant, inspect, inspect_directory, inspect_length};
use super::{BindSocketError, BoundSocket, Identity, SocketPlace, SocketSettings};

/// How many connections may wait to be accepted. Each waits for those before it, so a crowd of callers
/// who only connect must not be able to make it long.
const BACKLOG: i32 = 512;

/// Only the owner may connect, until the socket has the mode it was asked for.
const TIGHT_UMASK: Mode = Mode::from_raw_mode(0o177);

pub(super) fn bind(settings: SocketSettings) -> Result<BoundSocket, BindSocketError> {
    let SocketSettings { path, mode } = settings;
    let temporary = temporary_path(&path)?;
    inspect_length(&path, &temporary)?;
    inspect_directory(parent_of(&path))?;
    inspect(&path)?;
    let lock = lock(&path)?;
    // What was seen before the lock was held may have changed; from here on it cannot, as far as
    // other custodians are concerned.
    let occupant = inspect(&path)?;
    let failed = |context| {
        let path = path.clone();
        move |source| BindSocketError::Io {
            path,
            context,
            source,
        }
    };
    let listener = listen(&temporary).map_err(failed("binding"))?;
    if lock.is_none() && occupant == Occupant::Stale {
        // As late as can be, for nothing keeps another custodian from doing the same now.
        inspect(&path)?;
    }
    let moved = move_into_place(&temporary, &path, mode, occupant);
    let identity = moved.or_else(|error| {
        // Nothing else can be done about a socket that cannot even be removed.
        drop(std::fs::remove_file(&temporary));
        // Whoever came in between is named as if they had been there all along.
        if error.kind() == io::ErrorKind::AlreadyExists {
            inspect(&path)?;
        }
        Err(failed("moving the socket into place")(error))
    })?;
    let place = SocketPlace {
        path,
        identity,
        _lock: lock,
    };
    Ok(BoundSocket { listener, place })
}

/// A short name beside `path`, of this process only.
fn temporary_path(path: &Path) -> Result<PathBuf, BindSocketError> {
    if path.file_name().is_none() {
        return Err(BindSocketError::NoFileName {
            path: path.to_owned(),
        });
    }
    Ok(path.with_file_name(format!(".{:x}", std::process::id())))
}

fn parent_of(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or_else(|| Path::new("."))
}

/// Takes the lock that every custodian takes before it touches the path. None when the file of that name
/// is another user's: in a directory that is shared anybody may have put it there, and hold it for ever.
fn lock(path: &Path) -> Result<Option<File>, BindSocketError> {
    let mut name = OsString::from(path);
    name.push(".lock");
    let failed = |source| BindSocketError::Io {
        path: path.to_owned(),
        context: "taking the lock file",
        source,
    };
    let name = Path::new(&name);
    let user = rustix::process::geteuid().as_raw();
    if let Some(owner) = foreign_owner(name, user) {
        let name = name.display();
        tracing::warn!(owner, "lock file {name} of another user; it does not count");
        return Ok(None);
    }
    // Without `O_NONBLOCK` a FIFO of that name would hang the start.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed())
        .open(name);
    let not_a_lock_file = || BindSocketError::NotALockFile {
        path: path.to_owned(),
    };
    let file = opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP | Errno::ISDIR | Errno::NXIO) => not_a_lock_file(),
        _ => failed(error),
    })?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(not_a_lock_file());
    }
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(BindSocketError::Locked {
            path: path.to_owned(),
            holder: LockHolder::of(&file),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Binds and listens at `temporary`, which only the owner can connect to.
fn listen(temporary: &Path) -> io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    let address = SocketAddrUnix::new(temporary)?;
    bind_tightly(&socket, &address).or_else(|error| match error {
        // Left behind by a process of the same id that died in between. A file of another kind that
        // happens to bear the name is somebody's, and stays.
        Errno::ADDRINUSE if is_socket(temporary)? => {
            std::fs::remove_file(temporary)?;
            Ok::<_, io::Error>(bind_tightly(&socket, &address)?)
        }
        other => Err(other.into()),
    })?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

fn is_socket(path: &Path) -> io::Result<bool> {
    Ok(std::fs::symlink_metadata(path)?.file_type().is_socket())
}

fn bind_tightly(socket: &OwnedFd, address: &SocketAddrUnix) -> rustix::io::Result<()> {
    let usual = rustix::process::umask(TIGHT_UMASK);
    let bound = rustix::net::bind(socket, address);
    rustix::process::umask(usual);
    bound
}

/// Gives the socket its mode and its name. Where nobody was, nobody is replaced.
fn move_into_place(
    temporary: &Path,
    path: &Path,
    mode: u32,
    occupant: Occupant,
) -> io::Result<Identity> {
    std::fs::set_permissions(temporary, Permissions::from_mode(mode & 0o777))?;
    let identity = Identity::of(temporary)?;
    match occupant {
        Occupant::Nobody => rename_to_free(temporary, path)?,
        Occupant::Stale => std::fs::rename(temporary, path)?,
    }
    Ok(identity)
}

/// Renames a file to a name that nobody has.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems do not know the flag. A link does not replace anybody either.
        Err(Errno::INVAL | Errno::NOSYS) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_came_after_the_last_look_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (temporary, path) = (dir.path().join("new"), dir.path().join("taken"));
        let _listener = UnixListener::bind(&temporary).unwrap();
        std::fs::write(&path, "precious").unwrap();
        let moved = move_into_place(&temporary, &path, 0o600, Occupant::Nobody);
        assert_eq!(moved.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
        std::fs::remove_file(&path).unwrap();
        move_into_place(&temporary, &path, 0o600, Occupant::Nobody).unwrap();
        assert!(is_socket(&path).unwrap() && !temporary.exists());
    }

    #[test]
    fn a_stale_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (temporary, path) = (dir.path().join("new"), dir.path().join("stale"));
        drop(UnixListener::bind(&path).unwrap());
        let _listener = UnixListener::bind(&temporary).unwrap();
        let identity = move_into_place(&temporary, &path, 0o600, Occupant::Stale).unwrap();
        assert_eq!(Identity::of(&path).unwrap(), identity);
    }
}
