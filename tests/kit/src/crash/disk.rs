//! Crash points around each step of the audit log on its disk.

use std::io;

use signer_audit::{Disk, Step};

use super::{CrashPoints, PortCall};

/// A disk with points around each step of the audit log.
#[derive(Debug)]
pub struct CrashingDisk(CrashPoints);

impl CrashingDisk {
    /// A disk with these points.
    pub const fn new(points: CrashPoints) -> Self {
        Self(points)
    }
}

impl Disk for CrashingDisk {
    fn take(&self, step: Step, work: &mut dyn FnMut() -> io::Result<()>) -> io::Result<()> {
        let call = match step {
            Step::Open => PortCall::OpenLog,
            Step::Append => PortCall::AppendToLog,
            Step::Sync => PortCall::SyncLog,
            Step::Truncate => PortCall::TruncateLog,
            Step::Look => PortCall::LookAtLog,
            Step::NoteRun => PortCall::NoteRun,
            Step::SignCheckpoint => PortCall::SignCheckpoint,
            Step::MakeKey => PortCall::MakeKey,
        };
        self.0.around_on_a_thread(call, work)
    }

    /// Appends in two halves, because the kernel may as well: a death in between leaves a torn line.
    fn write(
        &self,
        step: Step,
        bytes: &[u8],
        put: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        if step != Step::Append {
            return self.take(step, &mut || put(bytes));
        }
        let (front, back) = bytes.split_at(bytes.len() / 2);
        self.take(step, &mut || put(front))?;
        self.take(step, &mut || put(back))
    }
}
