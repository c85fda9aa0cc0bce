//! Files of the log: which may be used, and how they are opened.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use super::refusal::AuditRefusal;
use signer_files::{FileAccess, Objection, Process};

pub(super) use signer_files::{Policy, beside, directory_of, sync_directory_of};

fn options() -> OpenOptions {
    // A link is never followed, and without NONBLOCK a pipe could hold up the start for ever.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut options = OpenOptions::new();
    options
        .read(true)
        .append(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed());
    options
}

/// Makes a file that is not there yet, and that only its owner may use.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    options().create_new(true).open(path)
}

/// Opens a file for reading and appending; `None` when there is none.
pub(super) fn open_existing(path: &Path, policy: Policy) -> Result<Option<File>, AuditRefusal> {
    let inaccessible = |error: io::Error| AuditRefusal::Inaccessible {
        path: path.to_owned(),
        error,
    };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(inaccessible(error)),
    };
    // Told before it is opened: opening a device may do something.
    if !found.is_file() {
        return Err(AuditRefusal::NotAFile {
            path: path.to_owned(),
        });
    }
    let file = match options().open(path) {
        Ok(file) => file,
        // It was renamed between the two looks, as a rotation may do at any moment.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(inaccessible(error)),
    };
    judge(path, &file, policy)?;
    Ok(Some(file))
}

/// Opens a file for reading alone, whoever it belongs to.
pub(super) fn open_to_read(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

/// The file system of pipes without a name.
const PIPES: u64 = 0x5049_5045;

/// Opens a file for reading alone, whoever it belongs to, also behind a link. A pipe with a name could
/// hold up the reader for ever, so there is none but that of a shell, which is open already.
///
/// # Errors
/// When it cannot be opened, or is something else than a file.
pub fn open_for_review(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    if u64::try_from(rustix::fs::fstatfs(&file)?.f_type) != Ok(PIPES) {
        return Err(io::Error::other("it is not a regular file"));
    }
    let flags = rustix::fs::fcntl_getfl(&file)?;
    rustix::fs::fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Judges an opened file.
pub(super) fn judge(path: &Path, file: &File, policy: Policy) -> Result<(), AuditRefusal> {
    let path = || path.to_owned();
    let inaccessible = |error: io::Error| AuditRefusal::Inaccessible {
        path: path(),
        error,
    };
    let opened = file.metadata().map_err(inaccessible)?;
    if !opened.is_file() {
        return Err(AuditRefusal::NotAFile { path: path() });
    }
    let access = FileAccess::of(file, &opened).map_err(inaccessible)?;
    let (path, mode) = (path(), access.mode);
    match access.judge(policy, &Process::current()) {
        Ok(()) => Ok(()),
        Err(Objection::Owner(owner)) => Err(AuditRefusal::ForeignOwner { path, owner }),
        Err(Objection::Open(_)) if policy == Policy::State => {
            Err(AuditRefusal::WritableByOthers { path, mode })
        }
        Err(Objection::Open(_)) => Err(AuditRefusal::ReadableByOthers { path, mode }),
    }
}

/// How often a file may come and go while it is opened.
const OPENINGS: u32 = 16;

/// Opens a file for reading and appending, and makes it durably when there is none.
pub(super) fn open_or_create(path: &Path, policy: Policy) -> io::Result<File> {
    for _ in 0..OPENINGS {
        match open_existing(path, policy) {
            Ok(Some(file)) => return Ok(file),
            Ok(None) => {}
            Err(refusal) => return Err(io::Error::other(refusal.to_string())),
        }
        match create_new(path) {
            Ok(file) => {
                sync_directory_of(path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("it comes and goes while it is opened"))
}
