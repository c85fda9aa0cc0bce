//! How a key is put out of use.

use signer_cloud::{Trouble, in_doubt, told_that, until_there};
use signer_domain::ports::KeyProviderError;
use signer_domain::{Deadline, ErrorChain};

use super::arn::KeyArn;
use super::error::Refusal;
use super::memory::AwsKmsMemory;
use super::service::{KeyDescription, KeyStanding, Service};
use super::settings::DeletionWindow;

/// What retiring one key needs.
pub(super) struct Retirement<'p> {
    pub(super) service: &'p Service,
    pub(super) memory: &'p AwsKmsMemory,
    pub(super) deletion: Option<DeletionWindow>,
    pub(super) key: &'p KeyArn,
    pub(super) deadline: Deadline,
}

impl Retirement<'_> {
    /// Disables the key, and has it deleted where that was asked for.
    ///
    /// # Errors
    /// As [`retire`](signer_domain::ports::KeyProvider::retire) says.
    pub(super) async fn retire(&self) -> Result<(), KeyProviderError> {
        let described = self.described().await?;
        match described.standing {
            KeyStanding::Enabled | KeyStanding::Unavailable => self.disable().await?,
            KeyStanding::Disabled | KeyStanding::PendingDeletion => {}
        }
        self.memory.retired(self.key);
        match (self.deletion, described.standing) {
            (
                Some(window),
                KeyStanding::Enabled | KeyStanding::Disabled | KeyStanding::Unavailable,
            ) => self.schedule_deletion(window).await,
            (Some(_), KeyStanding::PendingDeletion) | (None, _) => Ok(()),
        }
    }

    /// The key is retired by now. That nobody may have it deleted does not change that.
    async fn schedule_deletion(&self, window: DeletionWindow) -> Result<(), KeyProviderError> {
        let scheduled = self
            .service
            .schedule_deletion(self.key, window, self.deadline);
        match scheduled.await {
            Err(error @ KeyProviderError::Misconfigured { .. }) => {
                tracing::warn!(
                    key = %self.key.as_str(),
                    cause = %ErrorChain::of(&error),
                    "retired key is disabled, and its deletion could not be scheduled"
                );
                Ok(())
            }
            outcome => outcome.map_err(in_doubt),
        }
    }

    /// A key of another kind is none of ours, and must not be touched.
    async fn described(&self) -> Result<KeyDescription, KeyProviderError> {
        let look = || self.service.describe(self.key.as_str(), self.deadline);
        let described = if self.memory.is_young(self.key) {
            let seen = until_there(self.deadline, look).await?;
            let sentence = "a key that was made a moment ago is not to be seen yet";
            seen.ok_or_else(|| Trouble::Throttled(None).because(told_that(sentence)))?
        } else {
            look().await?.ok_or(KeyProviderError::KeyNotFound)?
        };
        if described.is_of_our_kind {
            Ok(described)
        } else {
            Err(KeyProviderError::KeyNotFound)
        }
    }

    async fn disable(&self) -> Result<(), KeyProviderError> {
        match self.service.disable(self.key, self.deadline).await {
            Ok(()) => Ok(()),
            // Somebody was faster, or it is in a state in which it cannot be disabled.
            Err(Refusal::InvalidState(cause)) => match self.described().await?.standing {
                KeyStanding::Disabled | KeyStanding::PendingDeletion => Ok(()),
                KeyStanding::Enabled | KeyStanding::Unavailable => {
                    Err(Trouble::Failing.because(cause))
                }
            },
            Err(refusal) => Err(refusal.told()),
        }
    }
}
