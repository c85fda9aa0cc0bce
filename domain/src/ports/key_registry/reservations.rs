//! Names that are reserved while a provider makes their keys.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::KeyRegistryError;
use crate::ports::GeneratedKey;
use crate::{KeyId, ProviderName, RotationTransition, Scope, SigningKey};

/// The reservations, whatever their keys are made for.
#[async_trait]
pub trait Reservations: Send + Sync + fmt::Debug {
    /// Reserves a name before the provider is asked for its key, or says what is in the way. With a name for
    /// a rotation the scope is reserved: from here on nobody else rotates it, and no other name is reserved
    /// in it.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn reserve(&self, wanted: &WantedKey) -> Result<Reservation, KeyRegistryError>;

    /// Turns this very reservation into an active key, for what it was made for. The key of one that was
    /// made to [stand beside the others](Purpose::Generate) becomes current where the scope has no current
    /// key. One that was made to [take a place](Purpose::Rotate) opens the rotation: its key becomes current,
    /// and the old one is [rotating](crate::KeyState::Rotating) until `closes_at`; an old key that was retired
    /// meanwhile stays retired. Completing with the same key again returns what stands.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when the reservation is gone, is another one of the same name,
    /// or was completed with another key; [`Unavailable`](KeyRegistryError::Unavailable).
    async fn complete(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<Completed, KeyRegistryError>;

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

/// A name that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedKey {
    /// What the key will sign for.
    pub scope: Scope,
    /// The operator's name of the key.
    pub key_id: KeyId,
    /// The provider that will be asked for the key.
    pub provider: ProviderName,
    /// What the key is made for.
    pub purpose: Purpose,
    /// When it is asked for.
    pub at: Timestamp,
}

/// What a reserved key is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To stand beside the other keys of its scope, as the current one where there is none.
    Generate,
    /// To take the place of the scope's current key.
    Rotate,
}

/// What [`Reservations::reserve`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "each call has one for a moment, and nothing keeps them"
)]
pub enum Reservation {
    /// The name was free and is now reserved.
    Reserved(PendingKey),
    /// The name was reserved for this earlier, and nobody has completed or abandoned it since.
    AlreadyPending(PendingKey),
    /// A key has the name. One that may take the place of the current key, and came by no rotation, is put
    /// there by [`rotate_to`](super::RotationRecords::rotate_to).
    Completed(Completed),
    /// The name cannot be had for this.
    Refused(ReservationRefused),
}

/// What a reservation led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// The key that has the name, in whatever state.
    pub key: SigningKey,
    /// The rotation to this key, where a rotation is asked for and there was one. It may be closed by now.
    pub rotation: Option<RotationTransition>,
}

/// Why a name cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationRefused {
    /// The scope is being rotated, or the name is reserved for a rotation.
    RotationInProgress,
    /// The name of a rotation belongs to a key that no rotation made and that cannot take the place of the
    /// current one, or is reserved for one.
    NameTaken,
    /// The scope has keys, but its current one was retired and none has followed yet.
    CurrentRetired,
    /// The scope never had a key.
    UnknownScope,
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

/// What [`Reservations::abandon`] led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Abandonment {
    /// This call gave the reservation back.
    Done,
    /// It was gone: another call did, or it was completed.
    NotThere,
}
