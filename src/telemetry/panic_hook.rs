//! A panic is a log line like every other, not a stray text among JSON.

use std::panic::PanicHookInfo;

use tracing::error;

/// Logs every panic. What was panicking is caught and dealt with where it ran.
pub(super) fn install() {
    std::panic::set_hook(Box::new(log));
}

fn log(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string);
    let thread = std::thread::current();
    error!(
        location = location.as_deref(),
        thread = thread.name(),
        cause = info.payload_as_str(),
        "panicked"
    );
}
