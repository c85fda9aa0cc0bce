//! The driven port to the authority on key state.

mod records;
mod reservations;
mod retirements;
mod rotations;
mod store;

pub use self::records::{CurrentKey, KeyNotices, KeyPage, KeyQuery, KeyRecords, NOTICES};
pub use self::reservations::{
    Abandonment, Completed, PendingKey, Purpose, Reservation, ReservationRefused, Reservations,
    WantedKey,
};
pub use self::retirements::{RetirementStage, Retirements};
pub use self::rotations::RotationRecords;
pub use self::store::RegistryStore;

use super::Cause;

/// The durable record of every key: the authority on which keys exist and which may sign.
///
/// Each role is a trait of its own, so that who only reads keys is given no more; one store plays all of them.
/// Each call is one transaction, and a change is durable before its call returns. Uniqueness of (scope,
/// `key_id`), of the handle and of the current key of a scope is a constraint of the store. Changes to a
/// record are compare-and-swap on its version.
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
pub trait KeyRegistry:
    KeyRecords + Reservations + Retirements + RotationRecords + RegistryStore
{
}

impl<R> KeyRegistry for R where
    R: KeyRecords + Reservations + Retirements + RotationRecords + RegistryStore + ?Sized
{
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
