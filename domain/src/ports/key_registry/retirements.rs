//! Marks on keys, and how keys are retired.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::KeyRegistryError;
use crate::{HandleId, KeyMark, SigningKey};

/// What keeps a key from signing, for a while or for good.
#[async_trait]
pub trait Retirements: Send + Sync + fmt::Debug {
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

    /// Notes, before the provider of a key is told to make it unusable, that it is about to be, and
    /// returns the record: from here on the key is [blocked](crate::KeyMarks::blocked), and only its
    /// retirement ends that. Has no effect on a key that is noted or retired already.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when no key has this handle;
    /// [`RotationInProgress`](KeyRegistryError::RotationInProgress) when it is the new key of an open
    /// rotation; [`Unavailable`](KeyRegistryError::Unavailable), and then the note may have been made.
    async fn begin_retirement(&self, handle: &HandleId) -> Result<SigningKey, KeyRegistryError>;

    /// Retires a key that its provider has made unusable: it is neither current nor able to sign from
    /// here on, and what was noted of its retirement is settled. Retiring a retired key returns the record as it stands.
    ///
    /// # Errors
    /// [`Conflict`](KeyRegistryError::Conflict) when the record has another version than `key`;
    /// [`RotationInProgress`](KeyRegistryError::RotationInProgress) when it is the new key of an open
    /// rotation; [`Unavailable`](KeyRegistryError::Unavailable).
    async fn retire(&self, key: &SigningKey, at: Timestamp)
    -> Result<SigningKey, KeyRegistryError>;

    /// Notes that the provider has made a retired key unusable. Noting it again has no effect.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn confirm_retirement(&self, handle: &HandleId) -> Result<(), KeyRegistryError>;

    /// The keys whose retirement has come as far as `stage` and no further. The begun ones are in the order in
    /// which they became active, not in that of the beginnings; of the unconfirmed ones those retired first
    /// are at the front, and of those retired at once the one reserved first.
    ///
    /// # Errors
    /// [`Unavailable`](KeyRegistryError::Unavailable).
    async fn unsettled_retirements(
        &self,
        stage: RetirementStage,
    ) -> Result<Vec<SigningKey>, KeyRegistryError>;
}

/// How far a retirement has come that is not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetirementStage {
    /// It was begun and not recorded since.
    Begun,
    /// The key is retired, and its provider has not confirmed yet that it is unusable.
    Unconfirmed,
}
