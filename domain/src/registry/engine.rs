//! A store of keys and rotations, as the rules see it.

use std::pin::Pin;

use async_trait::async_trait;

use super::refused::Refused;
use super::rows::Rows;
use crate::ports::{KeyRecords, KeyRegistryError, PendingKey, RegistryStore, RetirementStage};
use crate::{KeyId, RotationTransition, Scope, SigningKey};

/// The future of one change, which lives as long as the transaction.
pub type Change<'r, T> = Pin<Box<dyn Future<Output = Result<T, Refused>> + Send + 'r>>;

/// A store of keys and rotations.
///
/// Its questions are those of the ports, in the same orders: each answer is of one moment, none waits for a
/// change but for one that was given up, and each fails with
/// [`Unavailable`](KeyRegistryError::Unavailable) alone.
#[async_trait]
pub trait Engine: KeyRecords + RegistryStore {
    /// Runs `work` in one transaction, alone, and makes its effect durable before this returns. What was
    /// refused leaves no effect. A caller that gives up leaves the whole effect behind or none, and the
    /// questions after that are answered when it is certain which.
    ///
    /// # Errors
    /// What the work was refused by; [`Unavailable`](KeyRegistryError::Unavailable) when the store failed,
    /// and then the effect may be there.
    async fn change<T, W>(&self, kind: ChangeKind, work: W) -> Result<T, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'r> FnOnce(&'r mut dyn Rows) -> Change<'r, T> + Send + 'static;

    /// The reservations, oldest first.
    async fn reservations(&self) -> Result<Vec<PendingKey>, KeyRegistryError>;

    /// The keys whose retirement has come as far as this and no further.
    async fn unsettled(&self, stage: RetirementStage) -> Result<Vec<SigningKey>, KeyRegistryError>;

    /// The open rotation of a scope.
    async fn open_in(&self, scope: &Scope) -> Result<Option<RotationTransition>, KeyRegistryError>;

    /// The rotation to a key, open or closed.
    async fn opened_to(
        &self,
        scope: &Scope,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationTransition>, KeyRegistryError>;

    /// The open rotations, those due first at the front.
    async fn open(&self) -> Result<Vec<RotationTransition>, KeyRegistryError>;
}

/// What a change is for: the call of the port that it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as its call is")]
pub enum ChangeKind {
    Reserve,
    Complete,
    ReserveRotation,
    OpenRotation,
    Abandon,
    Mark,
    Unmark,
    BeginRetirement,
    Retire,
    ConfirmRetirement,
    RotateTo,
    CloseRotation,
}

impl ChangeKind {
    /// What is being done, in the gerund.
    #[must_use]
    pub const fn context(self) -> &'static str {
        match self {
            Self::Reserve => "reserving a key",
            Self::Complete => "completing a reservation",
            Self::ReserveRotation => "reserving a rotation",
            Self::OpenRotation => "opening a rotation",
            Self::Abandon => "abandoning a reservation",
            Self::Mark => "marking a key",
            Self::Unmark => "taking a mark from a key",
            Self::BeginRetirement => "beginning a retirement",
            Self::Retire => "retiring a key",
            Self::ConfirmRetirement => "confirming a retirement",
            Self::RotateTo => "opening a rotation to a key that stands",
            Self::CloseRotation => "closing a rotation",
        }
    }
}
