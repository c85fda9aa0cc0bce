//! Crash points around the adapters of the binary under test. Never compiled into a shipped binary.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use signer_adapters::crash::{CrashPoints, Crashing, ParsePlanError, Remembering};
use signer_domain::ports::KeyProvider;

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
