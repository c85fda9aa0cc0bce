//! A file that holds a secret: how it is found, who may own it, who may read it.
//!
//! A Kubernetes secret volume shows the file as a symbolic link, `seed.bin -> ..data/seed.bin` with
//! `..data -> ..2026_11_23.../`, so links are followed, but only while every hop stays inside the
//! directory of the given path. With `fsGroup` the file belongs to root and has mode 0440, so the
//! group may read it when root owns it and the group is one of this process's own. systemd
//! (`LoadCredential=`) gives the file of root an access control list that lets the user of the service
//! read it. Everything is judged on the opened file, hence on the very bytes that are then read.

mod facts;
mod refusal;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Access, AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use self::facts::FileFacts;
use crate::access::{Place, Process};
use crate::places::directory_of;

pub use self::refusal::SecretFileRefusal;

/// Opens the file at `path`, if it is one to take a secret from; also tells its length.
///
/// # Errors
/// When it is none, or cannot be opened.
pub fn open(path: &Path) -> Result<(File, u64), SecretFileRefusal> {
    let file = open_beneath_its_directory(path)?;
    let facts = FileFacts::of(&file)?;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY");
    let place = match credentials {
        Some(directory) if path.starts_with(&directory) && !directory.is_empty() => {
            Place::Credentials
        }
        _ => Place::Elsewhere,
    };
    facts.judge(&Process::current(), place)?;
    Ok((file, facts.length))
}

/// Opens the directory in which `path` lies, by `way`: `PATH` to pass it, for which nobody has to be let
/// read it, or `RDONLY`.
///
/// # Errors
/// When there is none, or it cannot be opened.
pub fn open_directory(path: &Path, way: OFlags) -> Result<OwnedFd, SecretFileRefusal> {
    let parent = directory_of(path);
    let flags = way | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(parent, flags, Mode::empty()).map_err(|cause| match cause {
        Errno::NOENT => SecretFileRefusal::Missing,
        Errno::ACCESS if way == OFlags::PATH => SecretFileRefusal::closed(parent),
        _ => SecretFileRefusal::io("opened", cause),
    })
}

fn open_beneath_its_directory(path: &Path) -> Result<File, SecretFileRefusal> {
    let name = path
        .file_name()
        .ok_or(SecretFileRefusal::NotRegular("a directory"))?;
    let directory = open_directory(path, OFlags::PATH)?;
    let is_closed = || {
        let way = Access::EXEC_OK;
        rustix::fs::accessat(&directory, ".", way, AtFlags::EACCESS) == Err(Errno::ACCESS)
    };
    // Without NONBLOCK a FIFO would hold up the start for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(&directory, name, flags, Mode::empty(), resolve)
        .map(File::from)
        .map_err(|cause| match cause {
            Errno::NOENT => SecretFileRefusal::Missing,
            Errno::XDEV => SecretFileRefusal::LeadsAway,
            Errno::LOOP => SecretFileRefusal::LinkLoop,
            Errno::NXIO => SecretFileRefusal::NotRegular("a socket or a device"),
            Errno::NOSYS => SecretFileRefusal::OldKernel,
            Errno::ACCESS if is_closed() => SecretFileRefusal::closed(directory_of(path)),
            _ => SecretFileRefusal::io("opened", cause),
        })
}
