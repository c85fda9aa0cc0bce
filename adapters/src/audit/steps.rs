//! Steps that change a file beside the log. A test build can let each of them fail, or die at it.

use std::fs::File;
use std::io::{self, Write as _};
#[cfg(test)]
use std::sync::Arc;

#[cfg(test)]
use super::faults::Faults;

#[cfg(feature = "_testdouble")]
use crate::crash::{CrashPoints, PortCall};

/// Takes steps, between crash points in a test build.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    #[cfg(feature = "_testdouble")]
    points: CrashPoints,
    #[cfg(test)]
    faults: Option<Arc<Faults>>,
}

/// A step that changes a file beside the log.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Noting that a run has not ended in order, or that it has.
    NoteRun,
    /// Appending a checkpoint.
    SignCheckpoint,
    /// Making the checkpoint key, with the first checkpoint.
    MakeKey,
    /// Cutting off what a death left of a line.
    CutTail,
}

impl Steps {
    /// Steps that nothing comes between.
    pub(super) fn plain() -> Self {
        Self {
            #[cfg(feature = "_testdouble")]
            points: CrashPoints::unarmed(),
            #[cfg(test)]
            faults: None,
        }
    }

    /// Steps on a disk that fails, and in a process that dies.
    #[cfg(test)]
    pub(super) fn with_faults(faults: Arc<Faults>) -> Self {
        let mut steps = Self::plain();
        steps.faults = Some(faults);
        steps
    }

    /// Writes to a file.
    pub(super) fn write(&self, step: Step, file: &File, bytes: &[u8]) -> io::Result<()> {
        self.take(step, || self.put(file, bytes))
    }

    /// Writes to a file, and makes that durable.
    pub(super) fn write_durably(&self, step: Step, file: &File, bytes: &[u8]) -> io::Result<()> {
        self.take(step, || {
            self.put(file, bytes)?;
            file.sync_data()
        })
    }

    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "a test has faults"))]
    fn put(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        if let Some(faults) = &self.faults {
            return faults.write(bytes, |part| file.write_all(part));
        }
        file.write_all(bytes)
    }

    #[cfg(test)]
    fn pass(&self) -> io::Result<()> {
        self.faults.as_ref().map_or(Ok(()), |faults| faults.pass())
    }

    #[cfg(feature = "_testdouble")]
    pub(super) const fn between(points: CrashPoints) -> Self {
        Self {
            points,
            #[cfg(test)]
            faults: None,
        }
    }

    #[cfg(feature = "_testdouble")]
    pub(super) const fn points(&self) -> &CrashPoints {
        &self.points
    }

    /// Takes a step.
    #[cfg(feature = "_testdouble")]
    pub(super) fn take(&self, step: Step, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        #[cfg(test)]
        self.pass()?;
        let call = match step {
            Step::NoteRun => PortCall::NoteRun,
            Step::SignCheckpoint => PortCall::SignCheckpoint,
            Step::MakeKey => PortCall::MakeKey,
            Step::CutTail => PortCall::TruncateLog,
        };
        self.points.around_on_a_thread(call, work)
    }

    /// Takes a step.
    #[cfg(not(feature = "_testdouble"))]
    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, reason = "a test build has points")
    )]
    pub(super) fn take(
        &self,
        _step: Step,
        work: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        #[cfg(test)]
        self.pass()?;
        work()
    }
}
