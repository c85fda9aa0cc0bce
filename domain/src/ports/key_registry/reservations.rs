//! Names that are reserved while a provider makes their keys.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::KeyRegistryError;
use crate::ports::GeneratedKey;
use crate::{KeyId, ProviderName, RotationTransition, Scope, SigningKey};

/// The reservations: for keys that stand beside the others of their scope, and for those that take the place
/// of the current one.
#[async_trait]
pub trait Reservations: Send + Sync + fmt::Debug {
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

    /// Turns this very reservation, which was not made for a rotation, into an active key. It becomes the
    /// scope's current key when the scope has none. Completing with the same key again returns the record as
    /// it stands.
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
}

/// What [`Reservations::reserve`] found.
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

/// What [`Reservations::abandon`] led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandonment {
    /// This call gave the reservation back.
    Done,
    /// It was gone: another call did, or it was completed.
    NotThere,
}

/// What [`Reservations::reserve_rotation`] found.
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
    /// one: [`rotate_to`](super::RotationRecords::rotate_to) opens the rotation to it.
    KeyStands(SigningKey),
    /// The name belongs to another key of the scope that no rotation made, or is reserved for one.
    NameTaken,
    /// The scope has keys, but its current one was retired and none has followed yet.
    CurrentRetired,
    /// The scope never had a key.
    UnknownScope,
}
