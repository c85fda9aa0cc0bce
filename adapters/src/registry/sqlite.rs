//! The registry in one SQLite file.

mod access;
mod changes;
mod connection;
mod content;
mod counter;
mod failure;
mod file;
mod lock;
mod lookup;
mod marks;
mod open;
mod proof;
mod queries;
mod record;
mod refusal;
mod retired;
mod retirement;
mod rotation;
mod schema;
#[cfg(test)]
mod tests;
mod transaction;

use std::fmt;
use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;
use signer_domain::ports::{
    Abandonment, CurrentKey, GeneratedKey, KeyNotices, KeyPage, KeyQuery, KeyRegistry,
    KeyRegistryError, PendingKey, Reservation,
};
use signer_domain::{HandleId, KeyId, KeyMark, ProviderName, Scope, SigningKey};
use sqlx::sqlite::SqliteConnection;

use self::connection::{Connection, Work};
pub use self::counter::ChangeCounter;
use self::counter::Identity;
use self::lock::Claim;
use self::proof::Doubt;
pub use self::refusal::{OpenRegistryError, RegistryRefusal};
pub use self::retired::{RetiredKey, retired_keys};
use super::RegistryUrl;
use crate::ownership::{Seal, Watch};

/// The key registry in one SQLite file, which belongs to this value alone.
///
/// Changes go through one connection and questions through another, so a question never waits for a
/// disk. A call answers within seconds, whatever the disk does; a change whose answer was not waited
/// for may still have happened.
pub struct SqliteRegistry {
    reader: Connection,
    writer: Connection,
    files: Watch,
    path: PathBuf,
    database: Seal,
    identity: Identity,
    doubt: Doubt,
    #[expect(
        dead_code,
        reason = "held for as long as the connections; dropped after them"
    )]
    claim: Claim,
}

impl SqliteRegistry {
    /// Opens the registry, and makes it when nothing stands at its path.
    ///
    /// The file is checked before anything is written: every page, and up to 64 MiB every row. A
    /// refusal leaves it as it was.
    ///
    /// # Errors
    /// When the registry is damaged, of a newer version, of another program, in use, or out of
    /// reach; see [`RegistryRefusal`].
    pub async fn open(url: &RegistryUrl) -> Result<Self, OpenRegistryError> {
        let opened = open::open(url.path()).await;
        let opened = opened.map_err(|refusal| OpenRegistryError {
            url: url.clone(),
            refusal: refusal.explained(url.path()),
        })?;
        let [database, _log] = opened.content.seals();
        Ok(Self {
            reader: Connection::reading(opened.reader, opened.files.clone()),
            writer: Connection::writing(opened.writer, opened.content, opened.files.clone()),
            files: opened.files,
            path: opened.path,
            database,
            identity: opened.identity,
            doubt: Doubt::default(),
            claim: opened.claim,
        })
    }

    /// Judges who else may change the registry, and that its directory is there. Changes nothing, and
    /// [`open`](Self::open) does it again.
    ///
    /// # Errors
    /// When somebody else may, or there is no such place.
    pub fn survey(url: &RegistryUrl) -> Result<(), OpenRegistryError> {
        let surveyed = file::resolve(url.path()).and_then(|path| access::judge(&path));
        surveyed.map_err(|refusal| OpenRegistryError {
            url: url.clone(),
            refusal,
        })
    }

    /// Whether [`open`](Self::open) would make the registry. Changes nothing.
    pub fn is_absent(url: &RegistryUrl) -> bool {
        file::resolve(url.path()).is_ok_and(|path| file::is_absent(&path))
    }

    /// The random name that the registry was given when it was made or brought to this schema, as 32
    /// hexadecimal digits. A copy and a restored backup have the same.
    pub fn id(&self) -> &str {
        &self.identity.id
    }

    /// Tells how far the registry has come, for as long as it is wanted.
    pub fn changes(&self) -> ChangeCounter {
        self.identity.counter.clone()
    }

    /// Ends the use of the registry: waits for the change under way and moves the write-ahead log
    /// into the database file, unless somebody else has written there. Every later call answers that the registry is unavailable.
    ///
    /// Nothing is lost without it. Closing again does nothing.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable) when SQLite does not finish in time.
    pub async fn close(&self) -> Result<(), KeyRegistryError> {
        let context = "closing the registry";
        if self.files.is_overwritten() {
            // As long as the reader is there, SQLite leaves the log where it is: moving it into what
            // somebody else has put there would harm that too.
            self.writer.close(context).await?;
            self.reader.close(context).await?;
            if self.database.look().is_err() {
                content::set_log_aside(&self.path);
            }
            return Ok(());
        }
        self.reader.close(context).await?;
        self.writer.close(context).await
    }

    /// Runs `work` in a transaction that is durable before this returns.
    async fn change<T, W>(&self, context: &'static str, work: W) -> Result<T, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let (files, identity) = (self.files.clone(), self.identity.clone());
        let doubt = self.doubt.clone();
        self.writer
            .run(context, move |connection| {
                Box::pin(async move {
                    let outcome =
                        transaction::transaction(connection, &files, &identity, work).await;
                    doubt.note(&outcome);
                    outcome
                })
            })
            .await
    }
}

impl fmt::Debug for SqliteRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteRegistry")
            .field("files", &self.files)
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl KeyRegistry for SqliteRegistry {
    async fn reserve(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        provider: ProviderName,
        at: Timestamp,
    ) -> Result<Reservation, KeyRegistryError> {
        let wanted = changes::Wanted {
            scope: *scope,
            key_id: key_id.clone(),
            provider,
            at,
        };
        self.change("reserving a key", move |connection| {
            Box::pin(changes::reserve(connection, wanted))
        })
        .await
    }

    async fn complete(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        let (pending, generated) = (pending.clone(), generated.clone());
        self.change("completing a reservation", move |connection| {
            Box::pin(changes::complete(connection, pending, generated, at))
        })
        .await
    }

    async fn abandon(&self, pending: &PendingKey) -> Result<Abandonment, KeyRegistryError> {
        let pending = pending.clone();
        self.change("abandoning a reservation", move |connection| {
            Box::pin(changes::abandon(connection, pending))
        })
        .await
    }

    async fn pending(&self) -> Result<Vec<PendingKey>, KeyRegistryError> {
        let context = "reading the reservations";
        self.reader
            .run(context, |connection| Box::pin(queries::pending(connection)))
            .await
    }

    async fn find(&self, handle: &HandleId) -> Result<Option<SigningKey>, KeyRegistryError> {
        let handle = handle.clone();
        self.reader
            .run("finding a key", move |connection| {
                Box::pin(queries::find(connection, handle))
            })
            .await
    }

    async fn any_of(&self, provider: ProviderName) -> Result<Option<SigningKey>, KeyRegistryError> {
        self.reader
            .run("looking for a key of a provider", move |connection| {
                Box::pin(lookup::any_of(connection, provider))
            })
            .await
    }

    async fn current(&self, scope: &Scope) -> Result<CurrentKey, KeyRegistryError> {
        let scope = *scope;
        self.reader
            .run("finding the current key of a scope", move |connection| {
                Box::pin(queries::current(connection, scope))
            })
            .await
    }

    async fn list(&self, query: &KeyQuery) -> Result<KeyPage, KeyRegistryError> {
        let query = query.clone();
        self.reader
            .run("listing the keys", move |connection| {
                Box::pin(queries::list(connection, query))
            })
            .await
    }

    async fn mark(&self, handle: &HandleId, mark: KeyMark) -> Result<SigningKey, KeyRegistryError> {
        let handle = handle.clone();
        self.change("marking a key", move |connection| {
            Box::pin(marks::set(connection, handle, mark, true))
        })
        .await
    }

    async fn unmark(
        &self,
        handle: &HandleId,
        mark: KeyMark,
    ) -> Result<SigningKey, KeyRegistryError> {
        let handle = handle.clone();
        self.change("taking a mark from a key", move |connection| {
            Box::pin(marks::set(connection, handle, mark, false))
        })
        .await
    }

    async fn notices(&self) -> Result<KeyNotices, KeyRegistryError> {
        self.reader
            .run("reading what an operator should know", |connection| {
                Box::pin(marks::notices(connection))
            })
            .await
    }

    async fn begin_retirement(&self, handle: &HandleId) -> Result<SigningKey, KeyRegistryError> {
        let handle = handle.clone();
        self.change("beginning a retirement", move |connection| {
            Box::pin(retirement::begin(connection, handle))
        })
        .await
    }

    async fn begun_retirements(&self) -> Result<Vec<SigningKey>, KeyRegistryError> {
        self.reader
            .run("reading the begun retirements", |connection| {
                Box::pin(retirement::begun(connection))
            })
            .await
    }

    async fn retire(
        &self,
        key: &SigningKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        let (handle, version) = (key.handle_id.clone(), key.version);
        self.change("retiring a key", move |connection| {
            Box::pin(changes::retire(connection, handle, version, at))
        })
        .await
    }

    fn stands(&self) -> Result<(), KeyRegistryError> {
        let look = self.files.glance();
        look.map_err(|displaced| {
            failure::unavailable("looking whether it is in its place", displaced)
        })
    }

    async fn check(&self) -> Result<(), KeyRegistryError> {
        let context = "checking the registry";
        let (files, identity) = (self.files.clone(), self.identity.clone());
        self.reader
            .run(context, move |connection| {
                Box::pin(async move {
                    identity.confirm(connection, &files).await?;
                    queries::touch(connection).await
                })
            })
            .await?;
        let doubt = self.doubt.clone();
        self.change(context, move |connection| {
            Box::pin(async move { proof::write(connection, doubt.extent()).await })
        })
        .await
    }
}
