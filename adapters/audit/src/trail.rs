//! The audit log as the rest of the custodian knows it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use signer_domain::ports::{AuditEntry, AuditStatus, AuditTrail, AuditUnavailable, CheckState};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::error;

use super::losses::Losses;
use super::queue::Queue;
use super::sink::Store;
use super::waiting::Waiting;
use super::writer::Writer;

/// How long a caller waits. The port promises two seconds; the rest is for the way back.
const PATIENCE: Duration = Duration::from_millis(1_800);

/// How long the owner waits for a file that is opened anew, and for the end.
const OWNER_PATIENCE: Duration = Duration::from_secs(5);

/// The audit log in one file, written by one thread.
///
/// Callers prepare their line and queue it. The thread takes all that waits, chains it, writes it at
/// once and makes it durable with one flush, and then wakes everybody whose line was in it.
pub struct FileAuditTrail {
    queue: Arc<Queue>,
    losses: Losses,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl FileAuditTrail {
    /// Starts the thread. The claim is given back when the thread ends.
    pub(super) fn spawn<S: Store>(
        queue: Arc<Queue>,
        writer: Writer<S>,
        claim: impl Send + 'static,
    ) -> io::Result<Self> {
        let (end, ended) = oneshot::channel();
        thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || {
                writer.run();
                drop(claim);
                // The owner may have stopped waiting.
                end.send(()).ok();
            })?;
        Ok(Self {
            queue,
            losses: Losses::default(),
            ended: Mutex::new(Some(ended)),
        })
    }

    /// Adds the metrics of the log to `registry`, which must not have a prefix.
    pub fn register(&self, registry: &mut Registry) {
        self.queue.metrics.register(registry);
    }

    /// Signs a checkpoint and goes on in the file that is at the path of the log now. It is made when
    /// it is not there, which is how a log is rotated: rename it, then call this.
    ///
    /// # Errors
    /// When that file cannot be written. It is tried again until it can.
    pub async fn reopen(&self) -> Result<(), AuditUnavailable> {
        match timeout(OWNER_PATIENCE, self.queue.ask_to_reopen()).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Err(AuditUnavailable),
        }
    }

    /// Takes no more entries, writes what waits, and signs a last checkpoint. Closing again does
    /// nothing.
    pub async fn close(&self) {
        self.queue.close();
        let Some(ended) = self.ended.lock().take() else {
            return;
        };
        if timeout(OWNER_PATIENCE, ended).await.is_err() {
            let lost = self.queue.abandon();
            error!(lost, "audit log not closed in time");
        }
    }
}

#[async_trait]
impl AuditTrail for FileAuditTrail {
    async fn record(&self, entry: AuditEntry) -> Result<(), AuditUnavailable> {
        let (waiting, mut outcome, withheld) = Waiting::awaited(entry);
        self.queue.push(waiting)?;
        match timeout(PATIENCE, &mut outcome).await {
            // With the news go those for the neighbours, who are told as it is dropped.
            Ok(Ok(told)) => told.map(drop),
            Ok(Err(_gone)) => Err(AuditUnavailable),
            Err(_elapsed) => {
                withheld.store(true, std::sync::atomic::Ordering::Release);
                self.queue.gave_up();
                Err(AuditUnavailable)
            }
        }
    }

    fn note(&self, entry: AuditEntry) {
        if self.queue.push(Waiting::unawaited(entry)).is_err() {
            self.losses.add();
        }
    }

    fn status(&self) -> AuditStatus {
        AuditStatus::Kept(if self.queue.is_failing(PATIENCE) {
            CheckState::Failing
        } else {
            CheckState::Ok
        })
    }
}

impl Drop for FileAuditTrail {
    fn drop(&mut self) {
        self.losses.flush();
        self.queue.close();
    }
}

impl fmt::Debug for FileAuditTrail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileAuditTrail").finish_non_exhaustive()
    }
}
