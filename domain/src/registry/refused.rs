//! Why a change was not made.

use crate::ChangeRefused;
use crate::ports::{Cause, KeyRegistryError};

/// Why a change was not made.
#[derive(Debug)]
pub enum Refused {
    /// The record is not what the caller believed.
    Conflict,
    /// The key is the new one of an open rotation.
    RotationInProgress,
    /// The store holds a row that no version writes.
    Unreadable(Cause),
    /// The store did not do it.
    Failed(Cause),
}

impl Refused {
    /// The error of the port, said of the call that does `context`.
    #[must_use]
    pub fn during(self, context: &'static str) -> KeyRegistryError {
        let (context, source) = match self {
            Self::Conflict => return KeyRegistryError::Conflict,
            Self::RotationInProgress => return KeyRegistryError::RotationInProgress,
            Self::Unreadable(source) => ("reading a key record", source),
            Self::Failed(source) => (context, source),
        };
        KeyRegistryError::Unavailable {
            context,
            source: Some(source),
        }
    }
}

/// The caller believed the key to be in a state that admits the change.
impl From<ChangeRefused> for Refused {
    fn from(_refused: ChangeRefused) -> Self {
        Self::Conflict
    }
}
