//! Why a piece of work on the database failed, before it is told to the caller.

use signer_domain::ChangeRefused;
use signer_domain::ports::{Cause, KeyRegistryError};

use super::record::UnreadableRecord;

/// Why a piece of work on the database failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The record is not what the caller believed.
    Conflict,
    /// The key is the new one of an open rotation.
    RotationInProgress,
    /// A row does not parse.
    Unreadable(UnreadableRecord),
    /// The database did not do it.
    Store(Cause),
}

impl Failure {
    /// The error of the port, said of the call that does `context`.
    pub(super) fn during(self, context: &'static str) -> KeyRegistryError {
        match self {
            Self::Conflict => KeyRegistryError::Conflict,
            Self::RotationInProgress => KeyRegistryError::RotationInProgress,
            Self::Unreadable(source) => unavailable("reading a key record", source),
            Self::Store(source) => unavailable(context, source),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The caller believed the key to be in a state that admits the change.
impl From<ChangeRefused> for Failure {
    fn from(_refused: ChangeRefused) -> Self {
        Self::Conflict
    }
}

impl From<UnreadableRecord> for Failure {
    fn from(error: UnreadableRecord) -> Self {
        Self::Unreadable(error)
    }
}

/// The store did not serve a call that does `context`.
pub(super) fn unavailable(context: &'static str, source: impl Into<Cause>) -> KeyRegistryError {
    KeyRegistryError::Unavailable {
        context,
        source: Some(source.into()),
    }
}

/// The registry was closed in an orderly way and serves no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the registry is closed")]
pub(super) struct RegistryClosed;
