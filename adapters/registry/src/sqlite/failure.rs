//! Why a piece of work on the database failed, before it is told to the caller.

use signer_domain::ports::{Cause, KeyRegistryError};
use signer_domain::registry::Refused;

use super::record::UnreadableRecord;

/// Why a piece of work on the database failed, in the terms of the rules.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Refused);

impl Failure {
    /// The database did not do it.
    pub(super) fn store(source: impl Into<Cause>) -> Self {
        Self(Refused::Failed(source.into()))
    }

    /// The error of the port, said of the call that does `context`.
    pub(super) fn during(self, context: &'static str) -> KeyRegistryError {
        self.0.during(context)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::store(error)
    }
}

impl From<UnreadableRecord> for Failure {
    fn from(error: UnreadableRecord) -> Self {
        Self(Refused::Unreadable(error.into()))
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self(refused)
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

/// The store did not serve a call that does `context`.
pub(super) fn unavailable(context: &'static str, source: impl Into<Cause>) -> KeyRegistryError {
    Failure::store(source).during(context)
}

/// The registry was closed in an orderly way and serves no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the registry is closed")]
pub(super) struct RegistryClosed;
