//! The narrow door between the writer and the disk, so that tests can stand in for a disk that fails.

use std::io;

use super::chain::Position;

/// An open log file.
pub(super) trait Sink: Send {
    /// Appends the bytes. After a failure any part of them may be there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was appended.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to this length, durably.
    fn truncate(&mut self, length: u64) -> io::Result<()>;

    /// How the file stands in its place.
    fn standing(&mut self) -> io::Result<Standing>;
}

/// How an open file stands in its place, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    /// Where it is.
    pub(super) place: Place,
    /// Its length.
    pub(super) length: u64,
}

/// Where an open file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its path leads to it.
    Kept,
    /// It has another name now, as after the renaming of a rotation.
    Renamed,
    /// It has no name any more: what it holds is lost with it.
    Removed,
}

/// Where log files come from.
pub(super) trait Store: Send + 'static {
    /// What it opens.
    type Sink: Sink;

    /// Opens the file in which the chain goes on behind `position`, and makes it when there is none.
    /// Gives its length, too.
    fn open(&mut self, position: Position) -> io::Result<(Self::Sink, u64)>;
}
