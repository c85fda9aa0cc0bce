//! The driving port for the rotation of a scope's current key.

use async_trait::async_trait;

use super::{CustodyError, KeyPage};
use crate::{Deadline, KeyId, ProviderName, RotationTransition, Scope};

/// What the outside may ask about the rotation of keys. Every call is safe to repeat: opening is
/// idempotent on (scope, new key id), closing on the transition.
#[async_trait]
pub trait Rotations: Send + Sync {
    /// Makes a new key and puts it in the place of the scope's current one, which goes on to sign by
    /// its handle until the rotation is closed. A request that names its provider takes the scope over
    /// from a rotation to a key of another name that was never opened and whose provider is not
    /// configured.
    ///
    /// # Errors
    /// [`CustodyError::RotationInProgress`] when another rotation of the scope is open;
    /// [`CustodyError::NameTaken`] when the new name belongs to another key;
    /// [`CustodyError::KeyNotFound`] when the scope never had a key, or the named provider is not
    /// configured; [`CustodyError::KeyRetired`] when the scope has no current key any more, or when
    /// the new key was opened earlier and has been retired since; and others by cause.
    async fn open_rotation(
        &self,
        request: OpenRotation,
        deadline: Deadline,
    ) -> Result<OpenedOrStanding, CustodyError>;

    /// The open rotation of a scope.
    ///
    /// # Errors
    /// [`CustodyError::RotationNotFound`] when none is open; and others by cause.
    async fn rotation(
        &self,
        scope: Scope,
        deadline: Deadline,
    ) -> Result<RotationTransition, CustodyError>;

    /// Retires the old key of a rotation. Once this has returned, no signature by it is ever released.
    /// Its provider is told as well, sooner or later.
    ///
    /// # Errors
    /// [`CustodyError::RotationNotFound`] when there never was such a rotation; and others by cause.
    async fn close_rotation(
        &self,
        request: CloseRotation,
        deadline: Deadline,
    ) -> Result<RotationTransition, CustodyError>;

    /// One page of the keys of a scope whose signatures are to be accepted, in the order in which they
    /// became active: what follows the page that named the cursor `after`. A page may be empty and not
    /// be the last. A scope that never had a key has none.
    ///
    /// # Errors
    /// By cause.
    async fn verification_keys(
        &self,
        scope: Scope,
        selection: VerificationKeys,
        after: Option<u64>,
        deadline: Deadline,
    ) -> Result<KeyPage, CustodyError>;
}

/// A request to open a rotation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRotation {
    /// The scope whose current key is to change.
    pub scope: Scope,
    /// The operator's name of the new key.
    pub new_key_id: KeyId,
    /// Which provider shall hold the new key; the first configured one when not given.
    pub provider: Option<ProviderName>,
}

/// What a request to open a rotation led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedOrStanding {
    /// The rotation is new.
    Opened(RotationTransition),
    /// The rotation to this key was opened earlier, and may be closed by now. The key still stands.
    Standing(RotationTransition),
}

/// A request to close a rotation. Both keys are named, so that nobody closes another one by mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseRotation {
    /// The scope.
    pub scope: Scope,
    /// The name of the key that is to be retired.
    pub old_key_id: KeyId,
    /// The name of the key that stays.
    pub new_key_id: KeyId,
}

/// Which keys of a scope verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerificationKeys {
    /// Those that may still sign.
    InUse,
    /// Retired ones as well: what they signed stands.
    WithRetired,
}
