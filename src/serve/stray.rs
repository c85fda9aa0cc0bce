//! Signals that mean nothing to a custodian, and by default would kill it without a drain.

use std::future::poll_fn;
use std::io;
use std::ops::RangeInclusive;
use std::task::{Context, Poll};

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::warn;

const STRAY: [(&str, Number); 9] = [
    ("SIGUSR1", Number::USR1),
    ("SIGUSR2", Number::USR2),
    ("SIGPIPE", Number::PIPE),
    ("SIGALRM", Number::ALARM),
    ("SIGVTALRM", Number::VTALARM),
    ("SIGPROF", Number::PROF),
    ("SIGIO", Number::IO),
    ("SIGPWR", Number::POWER),
    ("SIGSTKFLT", Number::STKFLT),
];

/// The numbers of the signals that programs use among themselves; musl keeps one more for its own use.
const REALTIME: RangeInclusive<i32> = if cfg!(target_env = "musl") {
    35..=64
} else {
    34..=64
};

/// Hears them from its making on, so that none ends the process during the start.
#[derive(Debug)]
pub(super) struct StraySignals(Vec<(String, Signal)>);

impl StraySignals {
    /// Starts to listen. Must be called inside a runtime.
    ///
    /// # Errors
    /// When the kernel does not let us.
    pub(super) fn listen() -> io::Result<Self> {
        let mut heard = Vec::new();
        for (name, number) in STRAY {
            let signal = signal(SignalKind::from_raw(number.as_raw()))?;
            heard.push((name.to_owned(), signal));
        }
        for number in REALTIME {
            let signal = signal(SignalKind::from_raw(number))?;
            heard.push((number.to_string(), signal));
        }
        Ok(Self(heard))
    }

    /// Says of each one that comes that nothing is done about it.
    pub(super) async fn ignore(mut self) {
        while let Some(signal) = poll_fn(|cx| self.poll_next(cx)).await {
            warn!(
                signal,
                "signal ignored; SIGHUP opens the audit log anew, and SIGTERM stops the custodian"
            );
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<String>> {
        for (name, signal) in &mut self.0 {
            if let Poll::Ready(heard) = signal.poll_recv(cx) {
                return Poll::Ready(heard.map(|()| name.clone()));
            }
        }
        Poll::Pending
    }
}
