//! The driven port to the authority on rotations.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::{GeneratedKey, KeyRegistryError, PendingKey};
use crate::{HandleId, KeyId, ProviderName, RotationTransition, Scope, SigningKey};

/// The durable record of every rotation, kept by the same store as the keys.
///
/// Each call is one transaction. That a scope has at most one rotation that is open or being opened is
/// a constraint of the store.
#[async_trait]
pub trait RotationRegistry: Send + Sync + fmt::Debug {
    /// Reserves the name of the new key, and with it the scope: from here on nobody else rotates it,
    /// and nobody generates in it.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn reserve_rotation(
        &self,
        scope: &Scope,
        new_key_id: &KeyId,
        provider: ProviderName,
        at: Timestamp,
    ) -> Result<RotationReservation, KeyRegistryError>;

    /// Opens the rotation that this very reservation was made for: the new key becomes active and
    /// current, the old one [rotating](crate::KeyState::Rotating) until `closes_at`. An old key that
    /// was retired meanwhile stays retired. Completing with the same key again returns the
    /// transition as it stands.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when the reservation is gone, is another one of the
    /// same name, or was completed with another key; [`Unavailable`](KeyRegistryError::Unavailable).
    async fn open_rotation(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError>;

    /// Opens the rotation to a key that stands: it becomes current, and the old one
    /// [rotating](crate::KeyState::Rotating) until `closes_at`.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when the record of the key is another one than `key`,
    /// or the scope or the key do not permit it any more; [`Unavailable`](KeyRegistryError::Unavailable).
    async fn rotate_to(
        &self,
        key: &SigningKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError>;

    /// The rotation of a scope that is open; `None` when there is none.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn rotation(&self, scope: &Scope)
    -> Result<Option<RotationTransition>, KeyRegistryError>;

    /// The rotation of a scope from this old to this new key, open or closed; `None` when there never
    /// was one.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn rotation_between(
        &self,
        scope: &Scope,
        old_key_id: &KeyId,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationTransition>, KeyRegistryError>;

    /// The rotations that are open, those due first at the front; of those due at once, the one whose new
    /// key was reserved first.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn open_rotations(&self) -> Result<Vec<RotationTransition>, KeyRegistryError>;

    /// Closes a rotation: its old key is retired, and its provider still has to be told. Closing a
    /// closed one returns it as it stands.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when there is no such rotation;
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn close_rotation(
        &self,
        transition: &RotationTransition,
        at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError>;

    /// The retired keys whose provider has not confirmed yet that they are unusable, those retired first at
    /// the front; of those retired at once, the one reserved first.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn unconfirmed_retirements(&self) -> Result<Vec<SigningKey>, KeyRegistryError>;

    /// Notes that the provider has made a retired key unusable. Noting it again has no effect.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn confirm_retirement(&self, handle: &HandleId) -> Result<(), KeyRegistryError>;
}

/// What [`RotationRegistry::reserve_rotation`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationReservation {
    /// The name was free and is now reserved, and the scope with it.
    Reserved(PendingKey),
    /// The same rotation was reserved earlier, and nobody has opened or abandoned it since.
    AlreadyPending(PendingKey),
    /// The rotation to this key was opened earlier, and may be closed by now.
    Standing(RotationTransition),
    /// Another rotation of the scope is open or being opened.
    InProgress,
    /// The name belongs to an active key of the scope that no rotation made and that is not the current
    /// one: [`rotate_to`](RotationRegistry::rotate_to) opens the rotation to it.
    KeyStands(SigningKey),
    /// The name belongs to another key of the scope that no rotation made, or is reserved for one.
    NameTaken,
    /// The scope has keys, but its current one was retired and none has followed yet.
    CurrentRetired,
    /// The scope never had a key.
    UnknownScope,
}
