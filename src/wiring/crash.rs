//! Crash points around the adapters of the binary under test. Never compiled into a shipped binary.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use signer_audit::{Disk, Step};
use signer_domain::ports::KeyProvider;
use signer_kit::crash::{CrashPoints, Crashing, ParsePlanError, PortCall, Remembering};

/// One for the whole process, as its death is: hits are counted over all ports together.
static POINTS: OnceLock<CrashPoints> = OnceLock::new();

/// Arms the crash points that `text` names, for as long as this process lives. Without it there are
/// points and nothing happens at them.
///
/// # Errors
/// When the text is not understood.
pub fn arm_crash_points(text: &str) -> Result<(), ParsePlanError> {
    let points = CrashPoints::parse(text)?;
    POINTS.get_or_init(|| points);
    Ok(())
}

/// Where providers remember which keys they hold.
static MEMORY: OnceLock<PathBuf> = OnceLock::new();

/// Has every provider hold only the keys that `file` lists, as a back end of its own would.
pub fn remember_keys_in(file: PathBuf) {
    MEMORY.get_or_init(|| file);
}

/// Puts a memory, if there is one, and the points around a provider.
pub(super) fn around_provider(provider: Arc<dyn KeyProvider>) -> Arc<dyn KeyProvider> {
    match MEMORY.get() {
        Some(file) => around(Arc::new(Remembering::new(provider, file.clone()))),
        None => around(provider),
    }
}

/// Puts the points around an adapter.
pub(super) fn around<A: ?Sized>(adapter: Arc<A>) -> Arc<Crashing<A>> {
    Arc::new(Crashing::new(adapter, points()))
}

/// The points of this process.
pub(super) fn points() -> CrashPoints {
    let points = POINTS.get().cloned();
    points.unwrap_or_else(CrashPoints::unarmed)
}

/// A disk with points around each step of the audit log.
#[derive(Debug)]
pub(super) struct CrashingDisk(pub(super) CrashPoints);

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
