//! A registry whose answers can get lost on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use signer_adapters::registry::SqliteRegistry;
use signer_domain::ports::{
    CurrentKey, FreshKey, GeneratedKey, KeyPage, KeyQuery, KeyRegistry, KeyRegistryError,
    PendingKey, Reservation,
};
use signer_domain::{HandleId, KeyId, ProviderName, Scope, SigningKey, Timestamp};

/// The real registry, but for answers to `retire` that it takes and does not give.
#[derive(Debug)]
pub(crate) struct Forgetful {
    pub(crate) inner: Arc<SqliteRegistry>,
    /// How many further answers get lost.
    pub(crate) losses: Arc<AtomicUsize>,
}

#[async_trait]
impl KeyRegistry for Forgetful {
    async fn reserve(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        provider: ProviderName,
        at: Timestamp,
    ) -> Result<Reservation, KeyRegistryError> {
        self.inner.reserve(scope, key_id, provider, at).await
    }

    async fn complete(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        self.inner.complete(pending, generated, at).await
    }

    async fn abandon(&self, pending: &PendingKey) -> Result<(), KeyRegistryError> {
        self.inner.abandon(pending).await
    }

    async fn pending(&self) -> Result<Vec<PendingKey>, KeyRegistryError> {
        self.inner.pending().await
    }

    async fn find(&self, handle: &HandleId) -> Result<Option<FreshKey>, KeyRegistryError> {
        self.inner.find(handle).await
    }

    async fn current(&self, scope: &Scope) -> Result<CurrentKey, KeyRegistryError> {
        self.inner.current(scope).await
    }

    async fn list(&self, query: &KeyQuery) -> Result<KeyPage, KeyRegistryError> {
        self.inner.list(query).await
    }

    async fn retire(
        &self,
        key: &SigningKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        let retired = self.inner.retire(key, at).await?;
        let one_less = |losses: usize| losses.checked_sub(1);
        if self
            .losses
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok()
        {
            return Err(KeyRegistryError::Unavailable {
                context: "losing the answer, as the test asked",
                source: None,
            });
        }
        Ok(retired)
    }

    async fn check(&self) -> Result<(), KeyRegistryError> {
        self.inner.check().await
    }
}
