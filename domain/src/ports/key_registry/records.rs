//! Reading keys.

use std::fmt;
use std::num::NonZeroU32;

use async_trait::async_trait;

use super::KeyRegistryError;
use crate::{HandleId, KeyState, ProviderName, Scope, SigningKey};

/// The records of the keys. Each answer is of one moment.
#[async_trait]
pub trait KeyRecords: Send + Sync + fmt::Debug {
    /// The record of one handle; `None` when it is not registered.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn find(&self, handle: &HandleId) -> Result<Option<SigningKey>, KeyRegistryError>;

    /// A key of the provider that may sign, whichever; `None` when there is none. Costs the same however
    /// many keys other providers have.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn any_of(&self, provider: ProviderName) -> Result<Option<SigningKey>, KeyRegistryError>;

    /// The key by which a scope-level sign signs.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn current(&self, scope: &Scope) -> Result<CurrentKey, KeyRegistryError>;

    /// One page of the registered keys, in the order in which they became active, whatever instants they
    /// were told: a key that becomes active while pages are read stands after every key listed so far.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn list(&self, query: &KeyQuery) -> Result<KeyPage, KeyRegistryError>;

    /// What an operator should know of keys and scopes.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn notices(&self) -> Result<KeyNotices, KeyRegistryError>;
}

/// The key by which a scope-level sign signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurrentKey {
    /// The scope's current key.
    Key(SigningKey),
    /// The scope has keys, but its current one was retired and none has followed yet.
    Retired,
    /// The scope never had a key.
    Unknown,
}

impl CurrentKey {
    /// Tells by the current key of a scope, or else any key of it, how the scope stands.
    #[must_use]
    pub fn of(current_or_any: Option<SigningKey>) -> Self {
        match current_or_any {
            Some(key) if key.current => Self::Key(key),
            Some(_) => Self::Retired,
            None => Self::Unknown,
        }
    }
}

/// Which keys to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyQuery {
    /// Only keys of this scope.
    pub scope: Option<Scope>,
    /// Only keys in this state.
    pub state: Option<KeyState>,
    /// At most this many.
    pub limit: NonZeroU32,
    /// Only what follows the page that named this cursor.
    pub after: Option<u64>,
}

/// One page of registered keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPage {
    /// The keys.
    pub keys: Vec<SigningKey>,
    /// The cursor of the next page; `None` when this is the last one.
    pub next: Option<u64>,
}

/// What an operator should know of keys and scopes. Of each list at most [`NOTICES`] entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyNotices {
    /// The keys that an operator blocked, then those blocked by a retirement that has begun, then those
    /// that are only quarantined, each in the order in which they became active; at last those retired and
    /// unconfirmed, in the order of their retirement. Each key once.
    pub keys: Vec<SigningKey>,
    /// The scopes that have keys and no current one, in the order of their text.
    pub scopes_without_current: Vec<Scope>,
}

/// So many entries a list of [`KeyNotices`] has at most.
pub const NOTICES: u32 = 10_000;
