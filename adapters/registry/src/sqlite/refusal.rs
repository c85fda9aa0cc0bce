//! Why a registry was not opened.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use signer_domain::{LockHolder, ShellWord, io_cure};

use super::limits::BUSY_LIMIT;
use crate::url::RegistryUrl;

/// The registry was not opened. What stood at its path stands there unchanged.
///
/// Displays as one sentence with the flag, the path and the cure.
#[derive(Debug, thiserror::Error)]
#[error("--registry {url}: {refusal}")]
pub struct OpenRegistryError {
    /// The registry that was asked for.
    pub url: RegistryUrl,
    /// Why it was refused.
    pub refusal: RegistryRefusal,
}

/// Why a registry was refused.
#[derive(Debug)]
pub enum RegistryRefusal {
    /// The directory of the file is not there.
    NoDirectory(PathBuf),
    /// What stands at the path is a directory, a pipe or the like.
    NotAFile,
    /// What stands beside the file, where SQLite keeps a file of its own, is no file.
    NotOfSqlite(PathBuf),
    /// The path is a symbolic link that leads nowhere.
    DanglingLink,
    /// Everybody could put another registry in its place.
    OpenDirectory(PathBuf),
    /// A file of the registry belongs to another user.
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user that runs this process.
        user: u32,
    },
    /// Other users can change a file of the registry.
    WritableByOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file has no content.
    Empty,
    /// The file is not a SQLite database.
    NotADatabase,
    /// The file is a SQLite database of another application.
    Foreign,
    /// The file was written by a newer version of the custodian.
    Newer {
        /// The schema version of the file.
        found: i64,
        /// The newest schema version that this program reads.
        supported: i64,
    },
    /// The file has a schema version of this program and another schema.
    OtherSchema {
        /// The schema version of the file.
        version: i64,
        /// The first table or index that differs, is missing, or is one too many.
        object: String,
    },
    /// The database is damaged. Holds what the check found.
    Corrupt(String),
    /// There is no database, but a log of one.
    OrphanedLog(PathBuf),
    /// Another live custodian has the registry open.
    InUse(LockHolder),
    /// The file has a second name, behind which another custodian could use it.
    SecondName,
    /// What stands at the path of the lock file is none.
    NotALockFile(PathBuf),
    /// Another program holds a lock on the database.
    Locked,
    /// A file cannot be read and written.
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// SQLite cannot write the database or the files beside it. Holds what it said.
    Unwritable(sqlx::Error),
    /// The file system is full, or an allowance is used up. Holds what SQLite said.
    NoRoom(sqlx::Error),
    /// The file system cannot hold a write-ahead log.
    NoWriteAheadLog,
    /// Anything else that SQLite said.
    Failed(sqlx::Error),
}

impl fmt::Display for RegistryRefusal {
    #[expect(
        clippy::too_many_lines,
        reason = "one match holds the sentence of every refusal"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDirectory(path) => write!(
                f,
                "the directory {} does not exist; create it for the user that runs the custodian, \
                 or name another file",
                path.display()
            ),
            Self::NotAFile => f.write_str("not a regular file; name another file"),
            Self::NotOfSqlite(path) => write!(
                f,
                "{} beside it is a link or no regular file, and SQLite needs that name; move it away",
                path.display()
            ),
            Self::DanglingLink => f.write_str(
                "a symbolic link to a file that does not exist; \
                 restore that file, or remove the link to start with an empty registry",
            ),
            Self::OpenDirectory(path) => write!(
                f,
                "the directory {} is writable by everyone without the sticky bit; choose another \
                 one or run: chmod o-w {}",
                path.display(),
                ShellWord::of_path(path)
            ),
            Self::ForeignOwner { path, owner, user } => write!(
                f,
                "{} belongs to uid {owner}; it must belong to root or to uid {user}, which runs this \
                 process: use chown, or name another file",
                path.display()
            ),
            Self::WritableByOthers { path, mode } => write!(
                f,
                "other users can write {} (mode {mode:04o}); close it with chmod go-w {}",
                path.display(),
                ShellWord::of_path(path)
            ),
            Self::Empty => f.write_str(
                "the file is empty, so it is not a registry; \
                 restore it from a backup, or remove it to start with an empty registry",
            ),
            Self::NotADatabase => f.write_str("not a SQLite database; name another file"),
            Self::Foreign => {
                f.write_str("a SQLite database of another application; name another file")
            }
            Self::Newer { found, supported } => write!(
                f,
                "written by a newer version (schema {found}, while this program knows up to \
                 {supported}); run that version, or restore a backup from before the upgrade"
            ),
            Self::Corrupt(finding) => write!(
                f,
                "the database is damaged ({finding}); restore it from a backup"
            ),
            Self::OrphanedLog(path) => write!(
                f,
                "the database is missing, but its log {} is there; restore the database beside \
                 it, or remove the log to start with an empty registry",
                path.display()
            ),
            Self::OtherSchema { version, object } => write!(
                f,
                "its \"{object}\" is not that of schema {version}: an unreleased version made it, or \
                 somebody changed it; restore a backup of a released version, or name another file"
            ),
            Self::InUse(holder) => write!(
                f,
                "in use by {holder}; stop that process, or name another file"
            ),
            Self::SecondName => f.write_str(
                "the file has a second name (a hard link), by which another custodian could change \
                 it; remove that name, or make a copy of the file in its place",
            ),
            Self::NotALockFile(path) => write!(
                f,
                "its lock file {} is a link, has a second name, or is no regular file; move it away",
                path.display()
            ),
            Self::Locked => write!(
                f,
                "another program kept the database locked for {} seconds; \
                 close that program, or name another file",
                BUSY_LIMIT.as_secs()
            ),
            Self::Inaccessible { path, error } => {
                let cure = io_cure(error).unwrap_or(
                    "give it, and read and write access to its directory, to the user that runs the \
                     custodian",
                );
                let path = path.display();
                write!(f, "cannot read and write {path} ({error}); {cure}")
            }
            Self::NoRoom(error) => write!(
                f,
                "cannot write the database or its -wal and -shm files ({error}); make room on \
                 their file system (blocks and inodes)"
            ),
            Self::Unwritable(error) => write!(
                f,
                "cannot write the database or its -wal and -shm files ({error}); give them, and \
                 read and write access to their directory, to the user that runs the custodian"
            ),
            Self::NoWriteAheadLog => f.write_str(
                "the file system cannot hold a write-ahead log; use a local file system",
            ),
            Self::Failed(error) => write!(
                f,
                "cannot be opened ({error}); check the disk, or name another file"
            ),
        }
    }
}

impl RegistryRefusal {
    /// Names the full file system of `path` as the cause where SQLite does not: it tells a file that it
    /// cannot make from one that it may not make by nothing.
    pub(super) fn explained(self, path: &Path) -> Self {
        match self {
            Self::Unwritable(error) | Self::Failed(error) if is_full(path) => Self::NoRoom(error),
            other => other,
        }
    }
}

/// Whether the file system that holds `path` has no block or no inode left.
fn is_full(path: &Path) -> bool {
    let directory = path.parent().unwrap_or(path);
    rustix::fs::statvfs(directory).is_ok_and(|found| {
        let has_no_inode = found.f_files > 0 && found.f_favail == 0;
        found.f_bavail == 0 || has_no_inode
    })
}

/// The primary result codes of SQLite (<https://www.sqlite.org/rescode.html>) that say why a database
/// cannot be opened. Any other is told as it is.
impl From<sqlx::Error> for RegistryRefusal {
    fn from(error: sqlx::Error) -> Self {
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .and_then(|code| code.parse::<u32>().ok());
        match code.map(|extended| extended & 0xff) {
            Some(5 | 6) => Self::Locked,
            Some(8 | 14) => Self::Unwritable(error),
            Some(13) => Self::NoRoom(error),
            Some(11 | 26) => Self::Corrupt(error.to_string()),
            _ => Self::Failed(error),
        }
    }
}
