//! Rotations.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::KeyRegistryError;
use crate::{KeyId, RotationTransition, Scope, SigningKey};

/// The rotations. That a scope has at most one that is open or being opened is a constraint of the store.
#[async_trait]
pub trait RotationRecords: Send + Sync + fmt::Debug {
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
}
