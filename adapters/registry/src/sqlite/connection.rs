//! One connection to the database, taken in turns.

use std::pin::Pin;
use std::sync::Arc;

use signer_domain::ports::KeyRegistryError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Mutex;
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
    open: Arc<Mutex<Option<Open>>>,
    files: Watch,
}

/// An open connection, and the content that goes through it if it writes.
struct Open {
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
        Self { open, files }
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
        let files = self.files.clone();
        let mut turn = timeout(TURN_LIMIT, Arc::clone(&self.open).lock_owned())
            .await
            .map_err(|elapsed| unavailable(context, elapsed))?;
        let task = tokio::spawn(async move {
            let open = turn.as_mut();
            let open = open.ok_or_else(|| Failure::store(RegistryClosed))?;
            files.glance().map_err(lost)?;
            let answer = open.work(work).await;
            files.look().map_err(lost)?;
            answer
        });
        timeout(WORK_LIMIT, task)
            .await
            .map_err(|elapsed| unavailable(context, elapsed))?
            .map_err(|aborted| unavailable(context, aborted))?
            .map_err(|failure| failure.during(context))
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
