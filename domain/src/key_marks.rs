//! What is noted of a key beside its state.

use crate::KeyState;

/// Something that is noted of a key beside its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyMark {
    /// An operator blocked it: it signs no more until the operator takes the block away.
    Blocked,
    /// A signature by it did not verify under the registered public key: it signs no more until an
    /// operator knows the cause and releases it.
    Quarantined,
    /// It is retired, and its provider has not confirmed that the private half is unusable.
    Unconfirmed,
}

impl KeyMark {
    /// Whether a key in this state can bear the mark. Retirement takes away what only concerns
    /// signing.
    pub const fn applies_in(self, state: KeyState) -> bool {
        match (self, state) {
            (Self::Blocked | Self::Quarantined, KeyState::Active | KeyState::Rotating)
            | (Self::Unconfirmed, KeyState::Retired) => true,
            (Self::Blocked | Self::Quarantined, KeyState::Retired)
            | (Self::Unconfirmed, KeyState::Active | KeyState::Rotating) => false,
        }
    }
}

/// The marks of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KeyMarks {
    /// It signs no more: an operator blocked it, or its retirement has begun.
    pub blocked: bool,
    /// It signs no more: see [`KeyMark::Quarantined`].
    pub quarantined: bool,
    /// See [`KeyMark::Unconfirmed`].
    pub unconfirmed: bool,
}

impl KeyMarks {
    /// Whether a key with these marks may sign, as far as they are concerned.
    pub const fn permit_signing(self) -> bool {
        !self.blocked && !self.quarantined
    }
}
