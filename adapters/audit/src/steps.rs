//! Steps that change the files of the log, each of which whoever watches the disk may let fail.

use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

/// A step that changes a file of the log, or looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Opening the log.
    Open,
    /// Appending to it.
    Append,
    /// Making durable what was appended.
    Sync,
    /// Cutting off what a death or a full disk left of a line.
    Truncate,
    /// Looking how it stands in its place.
    Look,
    /// Noting that a run has not ended in order, or that it has.
    NoteRun,
    /// Appending a checkpoint.
    SignCheckpoint,
    /// Making the checkpoint key, with the first checkpoint.
    MakeKey,
}

/// What comes between the log and its disk: nothing, unless a test wants to see a step fail.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Takes a step, which is `work`, called once or not at all.
    ///
    /// # Errors
    /// Those of the work.
    fn take(&self, _step: Step, work: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        work()
    }

    /// Takes a step that writes `bytes`. `put` may be given them in parts.
    ///
    /// # Errors
    /// Those of the writing; some of the bytes may be there.
    fn write(
        &self,
        step: Step,
        bytes: &[u8],
        put: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.take(step, &mut || put(bytes))
    }
}

/// A disk that nothing comes in front of.
#[derive(Debug)]
pub struct BareDisk;

impl Disk for BareDisk {}

/// Takes steps on a disk.
#[derive(Debug, Clone)]
pub(super) struct Steps(Arc<dyn Disk>);

impl Steps {
    /// Steps that nothing comes between.
    pub(super) fn plain() -> Self {
        Self::on(Arc::new(BareDisk))
    }

    /// Steps on this disk.
    pub(super) fn on(disk: Arc<dyn Disk>) -> Self {
        Self(disk)
    }

    /// Takes a step.
    pub(super) fn take<T>(
        &self,
        step: Step,
        mut work: impl FnMut() -> io::Result<T>,
    ) -> io::Result<T> {
        let mut done = None;
        self.0.take(step, &mut || {
            done = Some(work()?);
            Ok(())
        })?;
        done.ok_or_else(|| io::Error::other("the disk left a step out"))
    }

    /// Takes a step that writes, by `put`.
    pub(super) fn put(
        &self,
        step: Step,
        bytes: &[u8],
        mut put: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.0.write(step, bytes, &mut put)
    }

    /// Writes to a file.
    pub(super) fn write(&self, step: Step, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        self.put(step, bytes, |part| file.write_all(part))
    }

    /// Writes to a file, and makes that durable.
    pub(super) fn write_durably(
        &self,
        step: Step,
        mut file: &File,
        bytes: &[u8],
    ) -> io::Result<()> {
        self.put(step, bytes, |part| {
            file.write_all(part)?;
            file.sync_data()
        })
    }
}
