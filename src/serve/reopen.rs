//! The signal that asks for the audit log to be opened anew.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::wiring::OpenAudit;

/// Listens to SIGHUP from its making on, so that none ends the process during the start.
#[derive(Debug)]
pub(super) struct ReopenSignal(Signal);

impl ReopenSignal {
    /// Starts to listen. Must be called inside a runtime.
    ///
    /// # Errors
    /// When the kernel does not let us.
    pub(super) fn listen() -> io::Result<Self> {
        signal(SignalKind::hangup()).map(Self)
    }

    /// Opens the audit log anew whenever it is asked for.
    pub(super) async fn obey(mut self, audit: OpenAudit) {
        while self.0.recv().await.is_some() {
            audit.reopen().await;
        }
    }
}
