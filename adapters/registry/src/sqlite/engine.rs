//! The registry as the rules see it.

use async_trait::async_trait;
use signer_domain::ports::{
    CurrentKey, KeyNotices, KeyPage, KeyQuery, KeyRegistryError, PendingKey,
};
use signer_domain::registry::{Change, Engine, Questions, RotationRow, Rows};
use signer_domain::{HandleId, KeyId, ProviderName, RotationTransition, Scope, SigningKey};

use super::rows::SqliteRows;
use super::{SqliteRegistry, failure, lookup, marks, proof, queries, rotation};

#[async_trait]
impl Engine for SqliteRegistry {
    async fn change<T, W>(&self, context: &'static str, work: W) -> Result<T, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'r> FnOnce(&'r mut dyn Rows) -> Change<'r, T> + Send + 'static,
    {
        let work = self.in_transaction(|connection| {
            Box::pin(async move { Ok(work(&mut SqliteRows(connection)).await?) })
        });
        self.writer.change(context, work).await
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
        let proof = self.in_transaction(move |connection| {
            Box::pin(async move { proof::write(connection, doubt.extent()).await })
        });
        self.writer.run(context, proof).await
    }
}

#[async_trait]
impl Questions for SqliteRegistry {
    async fn pending(&self) -> Result<Vec<PendingKey>, KeyRegistryError> {
        let context = "reading the reservations";
        self.ask(context, |connection| Box::pin(queries::pending(connection)))
            .await
    }

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

    async fn begun(&self) -> Result<Vec<SigningKey>, KeyRegistryError> {
        self.ask("reading the begun retirements", |connection| {
            Box::pin(queries::begun(connection))
        })
        .await
    }

    async fn unconfirmed(&self) -> Result<Vec<SigningKey>, KeyRegistryError> {
        self.ask("reading the unconfirmed retirements", |connection| {
            Box::pin(queries::unconfirmed(connection))
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
