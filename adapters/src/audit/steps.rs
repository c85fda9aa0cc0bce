//! Steps that change a file beside the log. A test build can let each of them fail, or die at it.

use std::io;

#[cfg(feature = "_testdouble")]
use crate::crash::{CrashPoints, PortCall};

/// Takes steps, between crash points in a test build.
#[derive(Debug, Clone)]
pub(super) struct Steps {
    #[cfg(feature = "_testdouble")]
    points: CrashPoints,
}

/// A step that changes a file beside the log.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// Noting that a run has not ended in order, or that it has.
    NoteRun,
    /// Appending a checkpoint.
    SignCheckpoint,
}

impl Steps {
    /// Steps that nothing comes between.
    pub(super) fn plain() -> Self {
        Self {
            #[cfg(feature = "_testdouble")]
            points: CrashPoints::unarmed(),
        }
    }

    #[cfg(feature = "_testdouble")]
    pub(super) const fn between(points: CrashPoints) -> Self {
        Self { points }
    }

    #[cfg(feature = "_testdouble")]
    pub(super) const fn points(&self) -> &CrashPoints {
        &self.points
    }

    /// Takes a step.
    #[cfg(feature = "_testdouble")]
    pub(super) fn take(&self, step: Step, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let call = match step {
            Step::NoteRun => PortCall::NoteRun,
            Step::SignCheckpoint => PortCall::SignCheckpoint,
        };
        self.points.around_on_a_thread(call, work)
    }

    /// Takes a step.
    #[cfg(not(feature = "_testdouble"))]
    #[expect(clippy::unused_self, reason = "a test build has points")]
    pub(super) fn take(
        &self,
        _step: Step,
        work: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        work()
    }
}
