//! The driven port to the authority on key state.

use std::fmt;
use std::num::NonZeroU32;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Cause, GeneratedKey};
use crate::{HandleId, KeyId, KeyMark, KeyState, ProviderName, Scope, SigningKey};

/// The durable record of every key: the authority on which keys exist and which may sign.
///
/// A change is durable before its call returns. Uniqueness of (scope, `key_id`), of the handle and of
/// the current key of a scope is a constraint of the store. Changes to a record are compare-and-swap
/// on its version.
///
/// *Time.* A store keeps instants in whole microseconds and cuts off what is finer. Each answer, also that
/// of the change itself, tells the instant that is kept.
///
/// *Doubt.* A change that was answered by [`Unavailable`](KeyRegistryError::Unavailable), or whose caller went
/// away, may have been made, or be made yet. A question that is asked after that settles it for as long as the
/// store is open: its answer shows the effect, or there never is one. While the store cannot tell it answers
/// `Unavailable`.
///
/// *Owner.* A reservation says who is asked to make the key, and not which process asks. One process uses a
/// store, so every reservation that stands when it opens the store was left by a process that is gone, and
/// is its own to complete or abandon. A store that several processes shared would have to name the owner of
/// each reservation, and hide those of a living neighbour from the others.
#[async_trait]
pub trait KeyRegistry: Send + Sync + fmt::Debug {
    /// Reserves the name `key_id` in `scope` before the provider is asked for the key. A name that is
    /// free cannot be reserved while the scope is being rotated.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn reserve(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        provider: ProviderName,
        at: Timestamp,
    ) -> Result<Reservation, KeyRegistryError>;

    /// Turns this very reservation, which was not made for a rotation, into an active key. It becomes the scope's current key when the scope has
    /// none. Completing with the same key again returns the record as it stands.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when the reservation is gone, is another one of
    /// the same name, or was completed with another key; [`Unavailable`](KeyRegistryError::Unavailable).
    async fn complete(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError>;

    /// Gives this very reservation back because the provider certainly made no key. Has no effect when
    /// it is gone, also when the name has been reserved anew. A rotation that it was made for was never
    /// opened. Tells whether this very call did it, so that what is told of it is told once.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn abandon(&self, pending: &PendingKey) -> Result<Abandonment, KeyRegistryError>;

    /// The reservations that are neither completed nor abandoned, oldest first: by their numbers.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn pending(&self) -> Result<Vec<PendingKey>, KeyRegistryError>;

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

    /// Marks a key, and returns its record. Has no effect on a key that bears the mark, or cannot bear
    /// it in its state.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when no key has this handle;
    /// [`Unavailable`](KeyRegistryError::Unavailable), and then the mark may have been made.
    async fn mark(&self, handle: &HandleId, mark: KeyMark) -> Result<SigningKey, KeyRegistryError>;

    /// Takes a mark away, and returns the record of the key. Has no effect on a key without it. A key
    /// whose retirement has begun stays blocked.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when no key has this handle;
    /// [`Unavailable`](KeyRegistryError::Unavailable), and then the mark may be gone.
    async fn unmark(
        &self,
        handle: &HandleId,
        mark: KeyMark,
    ) -> Result<SigningKey, KeyRegistryError>;

    /// What an operator should know of keys and scopes.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn notices(&self) -> Result<KeyNotices, KeyRegistryError>;

    /// Notes, before the provider of a key is told to make it unusable, that it is about to be, and
    /// returns the record: from here on the key is [blocked](crate::KeyMarks::blocked), and only its
    /// retirement ends that. Has no effect on a key that is noted or retired already.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when no key has this handle;
    /// [`RotationInProgress`](KeyRegistryError::RotationInProgress) when it is the new key of an open
    /// rotation; [`Unavailable`](KeyRegistryError::Unavailable), and then the note may have been made.
    async fn begin_retirement(&self, handle: &HandleId) -> Result<SigningKey, KeyRegistryError>;

    /// The keys whose retirement was begun and not recorded since, in the order in which they became
    /// active, not in that of the beginnings.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn begun_retirements(&self) -> Result<Vec<SigningKey>, KeyRegistryError>;

    /// Retires a key that its provider has made unusable: it is neither current nor able to sign from
    /// here on, and what was noted of its retirement is settled. Retiring a retired key returns the record as it stands.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when the record has another version than `key`;
    /// [`RotationInProgress`](KeyRegistryError::RotationInProgress) when it is the new key of an open
    /// rotation; [`Unavailable`](KeyRegistryError::Unavailable).
    async fn retire(&self, key: &SigningKey, at: Timestamp)
    -> Result<SigningKey, KeyRegistryError>;

    /// Whether what this process has learned of the store still counts: the store is the one that was
    /// opened, nobody else can have its place, and nobody else can have changed a key unknown to this
    /// process. A store that several processes shared would have to give each of them a lease, answer by
    /// it, and say no as long before its end as the write that follows may take; no store does so today.
    ///
    /// It is asked for each signature, at last directly before the bytes of an answer are handed to the
    /// kernel, so it waits for nobody and asks no other process. A yes covers the write that follows at
    /// once.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable) when the store was taken away or replaced.
    fn stands(&self) -> Result<(), KeyRegistryError>;

    /// Proves that the store answers and that a change would be durable. Counts as no change.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn check(&self) -> Result<(), KeyRegistryError>;
}

/// What [`KeyRegistry::reserve`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reservation {
    /// The name was free and is now reserved.
    Reserved(PendingKey),
    /// The name was reserved earlier, and nobody has completed or abandoned it since.
    AlreadyPending(PendingKey),
    /// A key of this name stands, in whatever state.
    Standing(SigningKey),
    /// The name is free, or reserved for a rotation, and the scope is being rotated.
    RotationInProgress,
}

/// A name that is reserved while the provider makes the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingKey {
    /// What the key will sign for.
    pub scope: Scope,
    /// The operator's name of the key.
    pub key_id: KeyId,
    /// The provider that is asked for the key.
    pub provider: ProviderName,
    /// What the key is made for.
    pub purpose: Purpose,
    /// Tells this reservation from any other, also from an earlier one of the same name.
    pub reservation: u64,
}

/// What a reserved key is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To stand beside the other keys of its scope, as the current one where there is none.
    Generate,
    /// To take the place of the scope's current key.
    Rotate,
}

/// What [`KeyRegistry::abandon`] led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandonment {
    /// This call gave the reservation back.
    Done,
    /// It was gone: another call did, or it was completed.
    NotThere,
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

/// Why the registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KeyRegistryError {
    /// The store cannot be reached, is locked, or refuses to write. Worth trying again.
    #[error("key registry unavailable while {context}")]
    Unavailable {
        /// What was being done, in the gerund: "completing a reservation".
        context: &'static str,
        /// What the store said.
        source: Option<Cause>,
    },
    /// The record is no longer what the caller believed. Read it again.
    #[error("key record changed in the meantime")]
    Conflict,
    /// The key is the new one of an open rotation.
    #[error("rotation in progress")]
    RotationInProgress,
}
