//! Why an audit log was not opened.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use signer_domain::{LockHolder, ShellWord, io_cure};

use super::chain::LineFault;
use super::note::NoteFault;
use super::recovery::TailFault;

/// The audit log was not opened. Nothing was changed.
///
/// Displays as one sentence with the flag, the path and the cure.
#[derive(Debug, thiserror::Error)]
#[error("--audit-log {}: {refusal}", path.display())]
pub struct OpenAuditError {
    /// The log that was asked for.
    pub path: PathBuf,
    /// Why it was refused.
    pub refusal: AuditRefusal,
}

/// Why an audit log was refused.
#[derive(Debug)]
pub enum AuditRefusal {
    /// The directory of the file is not there.
    NoDirectory(PathBuf),
    /// Everyone may put another file in the place of one in this directory.
    OpenDirectory(PathBuf),
    /// The path names no file.
    NoName,
    /// What stands at the path is a directory, a link, a pipe or the like.
    NotAFile {
        /// What stands there.
        path: PathBuf,
    },
    /// The file belongs to another user.
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// Other users can change the file.
    WritableByOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Other users can read or change a secret.
    ReadableByOthers {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// What stands where a file of the log belongs was not written by a custodian.
    Foreign {
        /// What stands there.
        path: PathBuf,
        /// What it is not.
        lack: &'static str,
    },
    /// Another live custodian writes the log.
    InUse(LockHolder),
    /// The file has a second name, behind which another custodian could write it.
    SecondName,
    /// A file cannot be used.
    Inaccessible {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// The file holds something else than an audit log.
    NotALog,
    /// An entry is not what it has to be.
    Broken {
        /// Its number.
        seq: u64,
        /// What is wrong with it.
        fault: LineFault,
    },
    /// The log begins with an entry that continues nothing known.
    Unanchored {
        /// Its number.
        first: u64,
    },
    /// An entry is another one than the checkpoint speaks of.
    Disagrees {
        /// Its number.
        seq: u64,
    },
    /// The log ends before its checkpoint.
    Cut {
        /// The log.
        log: PathBuf,
        /// The last entry of the log.
        last: u64,
        /// The last entry that was signed.
        signed: u64,
    },
    /// The last run died, and the file that it wrote is not there.
    Gone {
        /// The log.
        log: PathBuf,
    },
    /// The last run died, and the file that it wrote holds no entry any more.
    Emptied {
        /// The log.
        log: PathBuf,
    },
    /// The last run died, and the file that it wrote lacks its last entries.
    Short {
        /// The log.
        log: PathBuf,
        /// The last entry of the log.
        last: u64,
        /// The last entry that is known to have been in it.
        known: u64,
    },
    /// The log has begun, and there is no checkpoint of it.
    NoCheckpoint {
        /// The log.
        log: PathBuf,
    },
    /// The last run ended in order, so it signed its last entry; the last checkpoint speaks of an earlier
    /// one.
    Unsigned {
        /// The log.
        log: PathBuf,
        /// The last entry of the log.
        last: u64,
        /// The last entry that is signed.
        signed: u64,
    },
    /// Nothing is missing at the end of the log, so there is no cut to accept.
    NotCut,
    /// There are checkpoints, but not the key that signed them.
    KeyLost {
        /// The log.
        log: PathBuf,
    },
    /// The file of the checkpoint key holds no key.
    NoCheckpointKey {
        /// The file.
        path: PathBuf,
    },
    /// The last checkpoint is not what it has to be.
    BadCheckpoint {
        /// The file of checkpoints.
        path: PathBuf,
        /// What is wrong with it.
        fault: NoteFault,
    },
}

impl AuditRefusal {
    pub(super) fn of_tail(fault: TailFault, path: PathBuf) -> Self {
        match fault {
            TailFault::Broken { seq, fault } => Self::Broken { seq, fault },
            TailFault::NotALog => Self::NotALog,
            TailFault::Unanchored { first } => Self::Unanchored { first },
            TailFault::Disagrees { seq } => Self::Disagrees { seq },
            TailFault::Io(error) => Self::Inaccessible { path, error },
        }
    }
}

/// What helps when a log is not sound: nothing may be repaired in it.
const SET_ASIDE: &str = "restore the log, or move it away as evidence and the next start goes on \
                         behind the last checkpoint, or says how to accept what is lost";

impl fmt::Display for AuditRefusal {
    #[expect(clippy::too_many_lines, reason = "one sentence for each variant")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDirectory(path) => write!(
                f,
                "the directory {} does not exist; create it for the user that runs the custodian, \
                 or name another file",
                path.display()
            ),
            Self::OpenDirectory(path) => write!(
                f,
                "the directory {} is writable by everyone without the sticky bit; choose another one or \
                 run: chmod o-w {}",
                path.display(),
                ShellWord::of_path(path)
            ),
            Self::NoName => f.write_str("names no file; name one"),
            Self::NotAFile { path } => {
                write!(
                    f,
                    "{} is not a regular file; name another file",
                    path.display()
                )
            }
            Self::ForeignOwner { path, owner } => write!(
                f,
                "{} belongs to user {owner}; give it to the user that runs the custodian, or name \
                 another file",
                path.display()
            ),
            Self::WritableByOthers { path, mode } => {
                let word = ShellWord::of_path(path);
                let path = path.display();
                write!(
                    f,
                    "other users can write {path} (mode {mode:04o}); close it with chmod go-w {word}"
                )
            }
            Self::ReadableByOthers { path, mode } => {
                let word = ShellWord::of_path(path);
                let path = path.display();
                write!(
                    f,
                    "other users can read {path} (mode {mode:04o}); close it with chmod 0600 {word}"
                )
            }
            Self::Foreign { path, lack } => write!(
                f,
                "{} {lack} of an audit log; move it away, or name another log",
                path.display()
            ),
            Self::InUse(holder) => write!(
                f,
                "in use by {holder}; stop that process, or name another file"
            ),
            Self::SecondName => f.write_str(
                "the file has a second name (a hard link), by which another custodian could write it; \
                 remove that name, or make a copy of the file in its place",
            ),
            Self::Inaccessible { path, error } => {
                let cure = io_cure(error).unwrap_or(
                    "give it, and read and write access to its directory, to the user that runs the custodian",
                );
                let path = path.display();
                write!(f, "cannot read and write {path} ({error}); {cure}")
            }
            Self::NotALog => f.write_str("the file is no audit log; name another file"),
            Self::Broken { seq, fault } => write!(f, "entry {seq} {fault}; {SET_ASIDE}"),
            Self::Unanchored { first } => write!(
                f,
                "it begins with entry {first}, and no checkpoint says what came before; restore \
                 its checkpoint file, or name another file"
            ),
            Self::Disagrees { seq } => write!(
                f,
                "entry {seq} is another one than the checkpoint speaks of; {SET_ASIDE}"
            ),
            Self::Cut { log, last, signed } => write!(
                f,
                "it ends with entry {last} while its checkpoint speaks of entry {signed}; restore \
                 it, or accept that the entries between are gone with \
                 `plexsphere-signer audit accept-cut --audit-log {}`",
                ShellWord::of_path(log)
            ),
            Self::Gone { log } => lost(f, log, "is not there", "without signing its last entries"),
            Self::Emptied { log } => lost(f, log, "is empty", "without signing its last entries"),
            Self::Short { log, last, known } => lost(
                f,
                log,
                format_args!("ends with entry {last}"),
                format_args!("behind entry {known}"),
            ),
            Self::NoCheckpoint { log } => write!(
                f,
                "{0}.checkpoint holds no checkpoint, although a custodian signs one before the first \
                 entry, so they were removed; restore that file (the newest note of the log stream will \
                 do), or move {0} and every file whose name begins with it away as evidence, and the \
                 next start begins a new log",
                log.display()
            ),
            Self::Unsigned { log, last, signed } => write!(
                f,
                "it goes on to entry {last} while its last checkpoint speaks of entry {signed}, although \
                 the last custodian ended in order and signed all of it; restore {}.checkpoint, or move \
                 the log away as evidence and the next start goes on behind the last checkpoint",
                log.display()
            ),
            Self::NotCut => {
                f.write_str("nothing is missing at its end; there is nothing to accept")
            }
            Self::KeyLost { log } => {
                let log = log.display();
                write!(
                    f,
                    "its checkpoints are there, but not the key {log}.checkpoint-key that signed \
                     them; restore the key, or move {log} and every file whose name begins with it away \
                     as evidence, and the next start begins a new log"
                )
            }
            Self::NoCheckpointKey { path } => write!(
                f,
                "{} does not hold 32 bytes, so it is no checkpoint key; restore it",
                path.display()
            ),
            Self::BadCheckpoint { path, fault } => write!(
                f,
                "the last checkpoint in {} {fault}; restore that file",
                path.display()
            ),
        }
    }
}

/// Says how the file of a run that died lacks what it held, and what helps.
fn lost(
    f: &mut fmt::Formatter<'_>,
    log: &Path,
    how_it_is: impl fmt::Display,
    how_it_died: impl fmt::Display,
) -> fmt::Result {
    write!(
        f,
        "it {how_it_is}, although the custodian that wrote it died {how_it_died}; put it back and \
         start once before it is moved, or accept that their numbers are given again with \
         `plexsphere-signer audit accept-cut --audit-log {}`",
        ShellWord::of_path(log)
    )
}
