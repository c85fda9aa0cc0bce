//! What ends the custodian: a signal, or a provider that only a new process can help.

use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;

use crate::exit::Exit;
use crate::failure::Failure;

/// Why the custodian stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Somebody asked for it.
    Asked,
    /// Nothing but a new process can help, for this reason.
    Stuck(&'static str),
}

impl Stop {
    /// What the process ends with when it could stop in order.
    ///
    /// # Errors
    /// When the supervisor is to start it again.
    pub(super) fn outcome(self) -> Result<(), Failure> {
        match self {
            Self::Asked => Ok(()),
            Self::Stuck(reason) => Err(Failure::new(
                Exit::Stuck,
                format_args!("{reason}; start the custodian again"),
            )),
        }
    }
}

/// Listens to the signals that ask for the end from its making on, so that none is lost during the
/// start. SIGXCPU is one: the limit on processor time is near, and behind it the process is killed.
#[derive(Debug)]
pub(super) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    processor_time: Signal,
}

impl StopSignals {
    /// Starts to listen. Must be called inside a runtime.
    ///
    /// # Errors
    /// When the kernel does not let us.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            processor_time: signal(SignalKind::from_raw(Number::XCPU.as_raw()))?,
        })
    }

    /// Waits for the first of them, or until a provider is `stuck`.
    pub(super) async fn received(mut self, stuck: impl Future<Output = &'static str>) -> Stop {
        let name = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.quit.recv() => "SIGQUIT",
            _ = self.processor_time.recv() => "SIGXCPU",
            reason = stuck => return Stop::Stuck(reason),
        };
        info!(signal = name, "asked to stop");
        Stop::Asked
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn a_provider_that_is_stuck_ends_the_process_so_that_it_is_started_again() {
        let signals = StopSignals::listen().unwrap();
        let stop = signals.received(ready("it hangs")).await;
        assert_eq!(stop, Stop::Stuck("it hangs"));
        let failure = stop.outcome().unwrap_err();
        assert_eq!(failure.exit(), Exit::Stuck);
        assert_eq!(failure.to_string(), "it hangs; start the custodian again");
        Stop::Asked.outcome().unwrap();
    }
}
