//! Where a key stands in its life.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a key stands in its life. A key only ever moves down this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Signs and verifies.
    Active,
    /// The older key of an open rotation: still signs by handle, still verifies.
    Rotating,
    /// Signs no more, for good. Its public key is still served.
    Retired,
}

impl KeyState {
    /// The name used on the wire and in the registry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Rotating => "rotating",
            Self::Retired => "retired",
        }
    }

    /// Whether a key in this state may still sign.
    pub const fn may_sign(self) -> bool {
        match self {
            Self::Active | Self::Rotating => true,
            Self::Retired => false,
        }
    }

    /// Where a key in this state stands after `change`. The one place that says which changes there
    /// are: the registry and the actors follow it.
    ///
    /// # Errors
    /// When a key in this state does not change so.
    pub const fn after(self, change: KeyChange) -> Result<Self, ChangeRefused> {
        match (self, change) {
            (Self::Active, KeyChange::Superseded) => Ok(Self::Rotating),
            (Self::Active | Self::Rotating | Self::Retired, KeyChange::Retired) => {
                Ok(Self::Retired)
            }
            (Self::Rotating | Self::Retired, KeyChange::Superseded) => Err(ChangeRefused {
                state: self,
                change,
            }),
        }
    }

    /// Reads a state.
    ///
    /// # Errors
    /// When `text` is not `active`, `rotating` or `retired`.
    pub fn parse(text: &str) -> Result<Self, ParseKeyStateError> {
        match text {
            "active" => Ok(Self::Active),
            "rotating" => Ok(Self::Rotating),
            "retired" => Ok(Self::Retired),
            _ => Err(ParseKeyStateError),
        }
    }
}

/// What happens to a key after it has become active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChange {
    /// A rotation gave its place as the current key to another one.
    Superseded,
    /// It was retired.
    Retired,
}

/// A key in this state does not change so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key that is {state} cannot be {}", match .change {
    KeyChange::Superseded => "superseded",
    KeyChange::Retired => "retired",
})]
pub struct ChangeRefused {
    /// Where the key stands.
    pub state: KeyState,
    /// What was to happen to it.
    pub change: KeyChange,
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for KeyState {
    type Err = ParseKeyStateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The text is not a key state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of active, rotating, retired")]
pub struct ParseKeyStateError;

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [KeyState; 3] = [KeyState::Active, KeyState::Rotating, KeyState::Retired];

    #[test]
    fn a_key_only_ever_moves_down_the_list() {
        for state in STATES {
            for change in [KeyChange::Superseded, KeyChange::Retired] {
                if let Ok(after) = state.after(change) {
                    assert!(after >= state, "{state} became {after}");
                }
            }
        }
    }

    #[test]
    fn retiring_is_possible_in_every_state_and_final() {
        for state in STATES {
            assert_eq!(state.after(KeyChange::Retired), Ok(KeyState::Retired));
        }
        let refused = KeyState::Retired.after(KeyChange::Superseded).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a key that is retired cannot be superseded"
        );
        assert!(!KeyState::Retired.may_sign());
    }

    #[test]
    fn only_an_active_key_is_superseded() {
        assert_eq!(
            KeyState::Active.after(KeyChange::Superseded),
            Ok(KeyState::Rotating)
        );
        KeyState::Rotating.after(KeyChange::Superseded).unwrap_err();
        assert!(KeyState::Rotating.may_sign());
    }
}
