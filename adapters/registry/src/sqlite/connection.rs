//! One connection to the database, taken in turns.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signer_domain::ports::KeyRegistryError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::content::Content;
use super::failure::{Failure, RegistryClosed, unavailable};
use super::limits::{BUSY_LIMIT, TURN_LIMIT, WORK_LIMIT};
use signer_files::{Displaced, Watch};

/// The future of one piece of work.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'c>>;

/// One connection, used by one caller at a time, and empty once it is closed.
///
/// The work of a call runs as a task of its own, so a caller that gives up never cuts a change short:
/// what was begun is finished, and the next caller finds the connection idle.
pub(super) struct Connection {
    pub(super) open: Arc<Mutex<Option<Open>>>,
    files: Watch,
    /// Whether a change may be under way that was given up.
    is_unsettled: AtomicBool,
}

/// An open connection, and the content that goes through it if it writes.
pub(super) struct Open {
    connection: SqliteConnection,
    content: Option<Content>,
}

impl Connection {
    /// A connection that reads, and is used only as long as `files` are in their place.
    pub(super) fn reading(connection: SqliteConnection, files: Watch) -> Self {
        Self::new(connection, None, files)
    }

    /// The connection that writes `content`.
    pub(super) fn writing(connection: SqliteConnection, content: Content, files: Watch) -> Self {
        Self::new(connection, Some(content), files)
    }

    fn new(connection: SqliteConnection, content: Option<Content>, files: Watch) -> Self {
        let open = Open {
            connection,
            content,
        };
        let open = Arc::new(Mutex::new(Some(open)));
        Self {
            open,
            files,
            is_unsettled: AtomicBool::new(false),
        }
    }

    /// Does `work` as soon as the connection is free, unless the files of the registry were taken away
    /// or overwritten before its end.
    pub(super) async fn run<T, W>(
        &self,
        context: &'static str,
        work: W,
    ) -> Result<T, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let task = self.begin(context, work).await?;
        let answer = ended(context, task).await?;
        answer.map_err(|failure| failure.during(context))
    }

    /// Does `work`, which changes what the store says. When the caller gives up before it has ended,
    /// questions [settle](Self::settle) first.
    pub(super) async fn change<T, W>(
        &self,
        context: &'static str,
        work: W,
    ) -> Result<T, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let task = self.begin(context, work).await?;
        let mut change = UnderWay {
            has_ended: false,
            is_unsettled: &self.is_unsettled,
        };
        let answer = ended(context, task).await?;
        change.has_ended = true;
        answer.map_err(|failure| failure.during(context))
    }

    /// Waits until every change has ended that was given up.
    pub(super) async fn settle(&self, context: &'static str) -> Result<(), KeyRegistryError> {
        if !self.is_unsettled.load(Ordering::Acquire) {
            return Ok(());
        }
        let settling = async {
            let mut turn = self.open.lock().await;
            if let Some(open) = turn.as_mut() {
                // The end of an event loop takes the turn from its change, and SQLite goes on with the
                // statement. It answers this behind that.
                open.connection.ping().await?;
            }
            // Whose change was given up before this has it behind itself; later ones need the turn.
            self.is_unsettled.store(false, Ordering::Release);
            Ok(())
        };
        let settled: Result<Result<(), sqlx::Error>, _> = timeout(TURN_LIMIT, settling).await;
        settled
            .map_err(|elapsed| unavailable(context, elapsed))?
            .map_err(|error| unavailable(context, error))
    }

    /// Waits for the turn and begins `work`.
    async fn begin<T, W>(&self, context: &'static str, work: W) -> Result<Task<T>, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let files = self.files.clone();
        let mut turn = timeout(TURN_LIMIT, Arc::clone(&self.open).lock_owned())
            .await
            .map_err(|elapsed| unavailable(context, elapsed))?;
        Ok(tokio::spawn(async move {
            let open = turn.as_mut();
            let open = open.ok_or_else(|| Failure::store(RegistryClosed))?;
            files.glance().map_err(lost)?;
            let answer = open.work(work).await;
            files.look().map_err(lost)?;
            answer
        }))
    }

    /// Closes the connection; closing it again does nothing.
    pub(super) async fn close(&self, context: &'static str) -> Result<(), KeyRegistryError> {
        let mut turn = timeout(TURN_LIMIT, self.open.lock())
            .await
            .map_err(|elapsed| unavailable(context, elapsed))?;
        let Some(Open { connection, .. }) = turn.take() else {
            return Ok(());
        };
        timeout(WORK_LIMIT, connection.close())
            .await
            .map_err(|elapsed| unavailable(context, elapsed))?
            .map_err(|error| unavailable(context, error))
    }
}

/// A piece of work that has the turn until it ends.
type Task<T> = JoinHandle<Result<T, Failure>>;

/// How a piece of work has ended, unless it goes on beyond its limit or was cut off.
async fn ended<T>(
    context: &'static str,
    task: Task<T>,
) -> Result<Result<T, Failure>, KeyRegistryError> {
    timeout(WORK_LIMIT, task)
        .await
        .map_err(|elapsed| unavailable(context, elapsed))?
        .map_err(|aborted| unavailable(context, aborted))
}

/// A change for as long as its caller waits for it.
struct UnderWay<'a> {
    has_ended: bool,
    is_unsettled: &'a AtomicBool,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if !self.has_ended {
            self.is_unsettled.store(true, Ordering::Release);
        }
    }
}

impl Open {
    async fn work<T, W>(&mut self, work: W) -> Result<T, Failure>
    where
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T>,
    {
        let Some(content) = &mut self.content else {
            return work(&mut self.connection).await;
        };
        content.open().map_err(lost)?;
        let answer = work(&mut self.connection).await;
        let close = content.close(&mut self.connection);
        close.await.map_err(lost)?;
        answer
    }
}

/// The files of the registry were taken away or overwritten.
pub(super) fn lost(displaced: Displaced) -> Failure {
    Failure::store(displaced)
}

/// How both connections are made: small caches, no memory map, nothing trusted, little patience.
pub(super) fn options(path: &std::path::Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_LIMIT)
        .statement_cache_capacity(16)
        .thread_name(|_| "registry".to_owned())
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("cache_size", "-256")
        .pragma("mmap_size", "0")
        .pragma("temp_store", "MEMORY")
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .disable_statement_logging()
}
