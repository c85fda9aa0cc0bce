//! What the first process of a container owes the others: nobody else takes note of their end.

use std::time::Duration;

use rustix::process::{WaitOptions, getpid, wait};
use tokio::signal::unix::{SignalKind, signal};
use tracing::warn;

/// How long a child is left to whoever in this process started it, as a library of a key service may.
const GRACE: Duration = Duration::from_secs(1);

/// As process 1, takes note of the end of processes that were left to it, so that none stays behind as
/// a zombie. As any other process it does nothing.
pub(super) async fn reap() {
    if !getpid().is_init() {
        return;
    }
    let mut ended = match signal(SignalKind::child()) {
        Ok(ended) => ended,
        Err(cause) => return warn!(%cause, "processes that end are not taken note of"),
    };
    loop {
        tokio::time::sleep(GRACE).await;
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        if ended.recv().await.is_none() {
            return;
        }
    }
}
