//! A file that holds a secret: how it is found, who may own it, who may read it.
//!
//! A Kubernetes secret volume shows the file as a symbolic link, `seed.bin -> ..data/seed.bin` with
//! `..data -> ..2026_11_23.../`, so links are followed, but only while every hop stays inside the
//! directory of the given path. With `fsGroup` the file belongs to root and has mode 0440, so the
//! group may read it when root owns it and the group is one of this process's own. systemd
//! (`LoadCredential=`) gives the file of root an access control list that lets the user of the service
//! read it. Everything is judged on the opened file, hence on the very bytes that are then read.

pub(in crate::providers) mod access;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use signer_domain::io_cure;

use self::access::{FileFacts, Place};
use crate::file_access::{Grantee, Process};

/// Opens the file at `path`, if it is one to take a secret from; also tells its length.
pub(super) fn open(path: &Path) -> Result<(File, u64), SecretFileRefusal> {
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
pub(super) fn open_directory(path: &Path, way: OFlags) -> Result<OwnedFd, SecretFileRefusal> {
    let parent = directory_of(path);
    let flags = way | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(parent, flags, Mode::empty()).map_err(|cause| match cause {
        Errno::NOENT => SecretFileRefusal::Missing,
        Errno::ACCESS if way == OFlags::PATH => SecretFileRefusal::closed(parent),
        _ => SecretFileRefusal::io("opened", cause),
    })
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
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

/// Why no secret is taken from a file. The text is the operator's sentence behind flag and path.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretFileRefusal {
    #[error("there is no such file; mount the secret there")]
    Missing,
    #[error(
        "the symbolic link leads out of its directory; name the file itself, or keep the link's target in the same directory"
    )]
    LeadsAway,
    #[error("the symbolic links lead in a circle; name the file itself")]
    LinkLoop,
    #[error("this is {0}; name a regular file")]
    NotRegular(&'static str),
    #[error("the file has more than one hard link; give the secret a file of its own")]
    HardLinked,
    #[error(
        "the file belongs to uid {owner}; it must belong to root or to uid {user}, which runs this process: use `chown`"
    )]
    ForeignOwner { owner: u32, user: u32 },
    #[error(
        "others may read or change the file (mode {mode:04o}); {}", cure(*stranger)
    )]
    OpenToOthers { mode: u32, stranger: Grantee },
    #[error(
        "uid {user} may not pass the directory {} or one above it; let that user pass each (its `x` permission)",
        directory.display()
    )]
    Closed { directory: PathBuf, user: u32 },
    #[error("the kernel has no `openat2`, which opens the file safely; use Linux 5.6 or later")]
    OldKernel,
    #[error(
        "the file cannot be {action}: {cause}; {}",
        io_cure(.cause).unwrap_or("check the path and its permissions")
    )]
    Io {
        action: &'static str,
        cause: io::Error,
    },
}

/// How the file is closed to a stranger. `chmod` would narrow each entry of an access control list, also
/// the one by which this process reads the file.
fn cure(stranger: Grantee) -> String {
    match stranger {
        Grantee::User(user) => {
            format!("its access control list lets uid {user} in: run `setfacl -x u:{user}` on it")
        }
        Grantee::Group(_) | Grantee::Everyone => {
            "run `chmod 0400` on it, or set `defaultMode: 0400` on the secret volume".to_owned()
        }
    }
}

impl SecretFileRefusal {
    fn closed(directory: &Path) -> Self {
        Self::Closed {
            directory: directory.to_owned(),
            user: rustix::process::geteuid().as_raw(),
        }
    }

    pub(super) fn io(action: &'static str, cause: impl Into<io::Error>) -> Self {
        Self::Io {
            action,
            cause: cause.into(),
        }
    }
}
