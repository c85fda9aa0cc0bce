//! Whether the registry still holds what this process wrote.
//!
//! SQLite would not notice that another program writes into its files. It serves pages from memory, and
//! what it then reads or writes is a mixture of both.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use signer_domain::clock;
use sqlx::sqlite::SqliteConnection;
use tracing::{error, warn};

use super::file::beside;
use signer_files::{Displaced, Seal};

/// How many pieces of work go into the write-ahead log before it is moved into the database. A change
/// takes a few pages.
const MOVED_AFTER: u32 = 128;

/// Both files that hold the content, each sealed while this process does not write it.
///
/// SQLite writes the database file only when it moves the log there, and does so only when it is told
/// to. So that seal is whole at nearly every moment. The one over the log is broken with each piece of
/// work; what others wrote meanwhile is told by the header.
#[derive(Debug)]
pub(super) struct Content {
    database: Seal,
    log: Seal,
    log_file: File,
    header: LogHeader,
    /// Whether this process has written behind that header. SQLite gives a log in which nothing counts
    /// another one.
    is_ours: bool,
    waiting: u32,
}

impl Content {
    /// Seals the registry at `path` as it stands.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let log = beside(path, "-wal");
        let log_file = File::open(&log)?;
        Ok(Self {
            database: Seal::over(path)?,
            log: Seal::over(&log)?,
            header: LogHeader::read(&log_file)?,
            log_file,
            is_ours: false,
            waiting: 0,
        })
    }

    /// The seals of the database and of its log, to be looked at by others.
    pub(super) fn seals(&self) -> [Seal; 2] {
        [self.database.clone(), self.log.clone()]
    }

    /// Makes ready for work that may write into the log.
    pub(super) fn open(&self) -> Result<(), Displaced> {
        self.log.open()
    }

    /// Seals what the work has written, and at times moves the log into the database.
    pub(super) async fn close(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<(), Displaced> {
        // What comes before this is told by the header, and what comes after it by the seal.
        let has_written = self.log.close();
        let header = LogHeader::read(&self.log_file).ok();
        let header = header.filter(|header| header.may_follow(&self.header, self.is_ours));
        self.header = header.ok_or_else(|| self.log.give_up())?;
        self.is_ours |= has_written;
        self.waiting += 1;
        if self.waiting >= MOVED_AFTER {
            self.database.open()?;
            match move_log(connection).await {
                Ok(()) => self.waiting = 0,
                // The log keeps what was written, and the next piece of work tries again.
                Err(cause) => {
                    warn!(%cause, "log of the registry cannot be moved into the database");
                }
            }
            self.database.close();
        }
        Ok(())
    }
}

/// Puts the log of a database aside that somebody has written over. SQLite would mix what it holds into
/// what stands there now, at the next start. No file is replaced by it, and none keeps it from being done.
pub(super) fn set_log_aside(path: &Path) {
    let log = beside(path, "-wal");
    let plain = beside(path, "-wal.aside");
    let moved = put_aside(&log, plain.clone()).or_else(|_is_taken| {
        let now = clock::now().as_nanosecond();
        put_aside(&log, beside(&plain, &format!(".{now}")))
    });
    match moved {
        Ok(aside) => warn!(
            "log of the overwritten registry put aside as {}",
            aside.display()
        ),
        Err(cause) => error!(
            %cause,
            "log of the overwritten registry cannot be put aside: move {} away before the next start",
            log.display()
        ),
    }
}

fn put_aside(log: &Path, aside: PathBuf) -> rustix::io::Result<PathBuf> {
    rustix::fs::renameat_with(CWD, log, CWD, &aside, RenameFlags::NOREPLACE).map(|()| aside)
}

async fn move_log(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let checkpoint = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)");
    checkpoint.fetch_one(connection).await.map(drop)
}

/// The header of the log (<https://www.sqlite.org/fileformat2.html>, 4.1); all zero while there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LogHeader([u8; 32]);

impl LogHeader {
    const NONE: Self = Self([0; 32]);

    fn read(log: &File) -> io::Result<Self> {
        let mut header = [0; 32];
        if log.metadata()?.len() > 0 {
            log.read_exact_at(&mut header, 0)?;
        }
        Ok(Self(header))
    }

    /// Whether this is the header as it was, or that of the next log: SQLite begins one once all of the
    /// last was moved, and counts the first salt up.
    fn may_follow(&self, before: &Self, is_ours: bool) -> bool {
        let is_next = || self.salt() == before.salt().wrapping_add(1);
        self == before || (*self != Self::NONE && (!is_ours || is_next()))
    }

    fn salt(&self) -> u32 {
        let Self([.., a, b, c, d, _, _, _, _, _, _, _, _, _, _, _, _]) = *self;
        u32::from_be_bytes([a, b, c, d])
    }
}
