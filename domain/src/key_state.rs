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
