//! The registry in one SQLite file.

mod access;
mod connection;
mod content;
mod counter;
mod engine;
mod failure;
mod file;
mod limits;
mod lock;
mod lookup;
mod marks;
mod open;
mod proof;
mod queries;
mod record;
mod refusal;
mod retired;
mod rotation;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod transaction;

use std::fmt;
use std::path::PathBuf;

use signer_domain::ports::KeyRegistryError;
use sqlx::sqlite::SqliteConnection;

use self::connection::{Connection, Work};
use self::counter::Identity;
use self::lock::Claim;
use self::proof::Doubt;
pub use self::refusal::{OpenRegistryError, RegistryRefusal};
pub use self::retired::retired_keys;
use super::url::RegistryUrl;
pub use signer_domain::RetiredKey;
use signer_files::{Seal, Watch};

/// The key registry in one SQLite file, which belongs to this value alone.
///
/// Changes go through one connection and questions through another, so a question waits for no disk but
/// while a change is under way that was given up. A call answers within seconds, whatever the disk does; a
/// change whose answer was not waited for may still have happened, or happen before the next question is
/// answered.
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

    /// Asks a question, once no change is under way any more that was given up: whoever gave one up
    /// learns from the answer what became of it.
    async fn ask<T, W>(&self, context: &'static str, question: W) -> Result<T, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        self.writer.settle(context).await?;
        self.reader.run(context, question).await
    }

    /// `work` in a transaction that is durable when it has ended.
    fn in_transaction<T, W>(
        &self,
        work: W,
    ) -> impl for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static
    where
        T: Send + 'static,
        W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T> + Send + 'static,
    {
        let (files, identity) = (self.files.clone(), self.identity.clone());
        let doubt = self.doubt.clone();
        move |connection| {
            Box::pin(async move {
                let outcome = transaction::transaction(connection, &files, &identity, work).await;
                doubt.note(&outcome);
                outcome
            })
        }
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
