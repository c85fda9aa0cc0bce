//! The registry as the rules see it.

use async_trait::async_trait;
use signer_domain::ports::{
    CurrentKey, KeyNotices, KeyPage, KeyQuery, KeyRecords, KeyRegistryError, PendingKey,
    RegistryStore, RetirementStage,
};
use signer_domain::registry::{Change, ChangeKind, Engine, RotationRow, Rows};
use signer_domain::{HandleId, KeyId, ProviderName, RotationTransition, Scope, SigningKey};

use super::rows::SqliteRows;
use super::{SqliteRegistry, content, failure, lookup, marks, proof, queries, rotation};

#[async_trait]
impl Engine for SqliteRegistry {
    async fn change<T, W>(&self, kind: ChangeKind, work: W) -> Result<T, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'r> FnOnce(&'r mut dyn Rows) -> Change<'r, T> + Send + 'static,
    {
        let work = self.in_transaction(|connection| {
            Box::pin(async move { Ok(work(&mut SqliteRows(connection)).await?) })
        });
        self.writer.change(kind.context(), work).await
    }

    async fn reservations(&self) -> Result<Vec<PendingKey>, KeyRegistryError> {
        let context = "reading the reservations";
        self.ask(context, |connection| Box::pin(queries::pending(connection)))
            .await
    }

    async fn unsettled(&self, stage: RetirementStage) -> Result<Vec<SigningKey>, KeyRegistryError> {
        let (context, question) = match stage {
            RetirementStage::Begun => ("reading the begun retirements", queries::BEGUN),
            RetirementStage::Unconfirmed => {
                ("reading the unconfirmed retirements", queries::UNCONFIRMED)
            }
        };
        self.ask(context, move |connection| {
            Box::pin(queries::unsettled(connection, question))
        })
        .await
    }

    async fn open_in(&self, scope: &Scope) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let scope = *scope;
        let unclosed = self
            .ask("finding the rotation of a scope", move |connection| {
                Box::pin(async move { rotation::queries::unclosed(connection, &scope).await })
            })
            .await?;
        Ok(unclosed.and_then(RotationRow::into_transition))
    }

    async fn opened_to(
        &self,
        scope: &Scope,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let (scope, new) = (*scope, new_key_id.clone());
        let rotation = self
            .ask("finding a rotation", move |connection| {
                Box::pin(async move { rotation::queries::to(connection, &scope, &new).await })
            })
            .await?;
        Ok(rotation.and_then(RotationRow::into_transition))
    }

    async fn open(&self) -> Result<Vec<RotationTransition>, KeyRegistryError> {
        self.ask("reading the open rotations", |connection| {
            Box::pin(rotation::queries::open(connection))
        })
        .await
    }
}

#[async_trait]
impl KeyRecords for SqliteRegistry {
    async fn find(&self, handle: &HandleId) -> Result<Option<SigningKey>, KeyRegistryError> {
        let handle = handle.clone();
        self.ask("finding a key", move |connection| {
            Box::pin(queries::find(connection, handle))
        })
        .await
    }

    async fn any_of(&self, provider: ProviderName) -> Result<Option<SigningKey>, KeyRegistryError> {
        self.ask("looking for a key of a provider", move |connection| {
            Box::pin(lookup::any_of(connection, provider))
        })
        .await
    }

    async fn current(&self, scope: &Scope) -> Result<CurrentKey, KeyRegistryError> {
        let scope = *scope;
        self.ask("finding the current key of a scope", move |connection| {
            Box::pin(queries::current(connection, scope))
        })
        .await
    }

    async fn list(&self, query: &KeyQuery) -> Result<KeyPage, KeyRegistryError> {
        let query = query.clone();
        self.ask("listing the keys", move |connection| {
            Box::pin(queries::list(connection, query))
        })
        .await
    }

    async fn notices(&self) -> Result<KeyNotices, KeyRegistryError> {
        self.ask("reading what an operator should know", |connection| {
            Box::pin(marks::notices(connection))
        })
        .await
    }
}

#[async_trait]
impl RegistryStore for SqliteRegistry {
    fn identity(&self) -> &str {
        &self.identity.id
    }

    fn newest_change(&self) -> u64 {
        self.identity.counter.last()
    }

    fn lease_holds(&self) -> Result<(), KeyRegistryError> {
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
        let proof = self.in_transaction(move |connection| {
            Box::pin(async move { proof::write(connection, doubt.extent()).await })
        });
        self.writer.run(context, proof).await
    }

    /// Moves the write-ahead log into the database file, unless somebody else has written there.
    async fn close(&self) -> Result<(), KeyRegistryError> {
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
}
