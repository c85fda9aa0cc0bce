//! The signal that says that a file would grow beyond what the process may write.

use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears SIGXFSZ so that it does not end the process: the write then fails like any other, and is
/// told and tried again like any other.
#[derive(Debug)]
pub(super) struct FileLimitSignal(#[expect(dead_code, reason = "to be heard is enough")] Signal);

impl FileLimitSignal {
    /// Starts to hear it. Must be called inside a runtime. It stays heard.
    ///
    /// # Errors
    /// When the kernel does not let us.
    pub(super) fn listen() -> io::Result<Self> {
        signal(SignalKind::from_raw(Number::XFSZ.as_raw())).map(Self)
    }
}
