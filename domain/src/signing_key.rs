//! The registry's record of a key.

use jiff::Timestamp;

use crate::{HandleId, KeyId, KeyMarks, KeyState, ProviderName, PublicKey, Scope};

/// What the registry knows of one key pair. It never holds secret bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    /// What the key signs for.
    pub scope: Scope,
    /// The operator's name of the key, unique in its scope for all time.
    pub key_id: KeyId,
    /// Where the private half lives.
    pub handle_id: HandleId,
    /// The public half, as the provider gave it when the key was generated.
    pub public_key: PublicKey,
    /// Where the key stands in its life.
    pub state: KeyState,
    /// Whether a sign that names only the scope uses this key. At most one key of a scope is.
    pub current: bool,
    /// What else is noted of it.
    pub marks: KeyMarks,
    /// When the key became active.
    pub valid_from: Timestamp,
    /// When the key was retired, or is due to be; none while it is active.
    pub valid_until: Option<Timestamp>,
    /// Grows by one with each change of the record; changes are compare-and-swap on it.
    pub version: u64,
}

impl SigningKey {
    /// The provider that holds the private half.
    pub const fn provider(&self) -> ProviderName {
        self.handle_id.provider()
    }

    /// Whether the key may sign, as far as its record says.
    pub const fn may_sign(&self) -> bool {
        self.state.may_sign() && self.marks.permit_signing()
    }
}
