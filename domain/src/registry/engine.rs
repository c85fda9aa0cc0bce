//! A store of keys and rotations, as the rules see it.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;

use super::refused::Refused;
use super::rows::Rows;
use crate::ports::{CurrentKey, KeyNotices, KeyPage, KeyQuery, KeyRegistryError, PendingKey};
use crate::{HandleId, KeyId, ProviderName, RotationTransition, Scope, SigningKey};

/// The future of one change, which lives as long as the transaction.
pub type Change<'r, T> = Pin<Box<dyn Future<Output = Result<T, Refused>> + Send + 'r>>;

/// A store of keys and rotations.
#[async_trait]
pub trait Engine: Questions + fmt::Debug {
    /// Runs `work` in one transaction, alone, and makes its effect durable before this returns. What was
    /// refused leaves no effect. A caller that gives up leaves the whole effect behind or none, and the
    /// [questions](Questions) after that are answered when it is certain which.
    ///
    /// # Errors
    /// What the work was refused by; [`Unavailable`](KeyRegistryError::Unavailable) of `context` when the
    /// store failed, and then the effect may be there.
    async fn change<T, W>(&self, context: &'static str, work: W) -> Result<T, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'r> FnOnce(&'r mut dyn Rows) -> Change<'r, T> + Send + 'static;

    /// As [`KeyRegistry::stands`](crate::ports::KeyRegistry::stands).
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    fn stands(&self) -> Result<(), KeyRegistryError>;

    /// As [`KeyRegistry::check`](crate::ports::KeyRegistry::check).
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn check(&self) -> Result<(), KeyRegistryError>;
}

/// The questions to a store: each answer is of one moment, and none waits for a change but for one that was
/// given up. They are those of the ports, in the same orders, and each fails with
/// [`Unavailable`](KeyRegistryError::Unavailable) alone.
#[async_trait]
pub trait Questions: Send + Sync {
    /// The reservations, oldest first.
    async fn pending(&self) -> Result<Vec<PendingKey>, KeyRegistryError>;

    /// The key of a handle.
    async fn find(&self, handle: &HandleId) -> Result<Option<SigningKey>, KeyRegistryError>;

    /// A key of the provider that may sign.
    async fn any_of(&self, provider: ProviderName) -> Result<Option<SigningKey>, KeyRegistryError>;

    /// The current key of a scope, told by [`CurrentKey::of`].
    async fn current(&self, scope: &Scope) -> Result<CurrentKey, KeyRegistryError>;

    /// One page of the keys, in the order in which they became active.
    async fn list(&self, query: &KeyQuery) -> Result<KeyPage, KeyRegistryError>;

    /// What an operator should know.
    async fn notices(&self) -> Result<KeyNotices, KeyRegistryError>;

    /// The keys whose retirement has begun, in the order in which they became active.
    async fn begun(&self) -> Result<Vec<SigningKey>, KeyRegistryError>;

    /// The keys whose retirement is unconfirmed, those retired first at the front.
    async fn unconfirmed(&self) -> Result<Vec<SigningKey>, KeyRegistryError>;

    /// The open rotation of a scope.
    async fn open_in(&self, scope: &Scope) -> Result<Option<RotationTransition>, KeyRegistryError>;

    /// The rotation to a key, open or closed.
    async fn opened_to(
        &self,
        scope: &Scope,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationTransition>, KeyRegistryError>;

    /// The open rotations, those due first at the front.
    async fn open(&self) -> Result<Vec<RotationTransition>, KeyRegistryError>;
}
