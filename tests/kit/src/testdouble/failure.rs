//! What the double can be asked, and how it can fail.

use std::time::Duration;

use signer_domain::ports::KeyProviderError;
use signer_domain::{Digest, HandleId, KeyId, Scope};

/// The wait that a scripted outage asks for, where the script names none.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An operation of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `generate`
    Generate,
    /// `sign`
    Sign,
    /// `public_key`
    PublicKey,
    /// `retire`
    Retire,
    /// `locate`
    Locate,
    /// `check`
    Check,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 6] = [
        Self::Generate,
        Self::Sign,
        Self::PublicKey,
        Self::Retire,
        Self::Locate,
        Self::Check,
    ];
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// [`KeyProviderError::ProviderUnavailable`], without doing the work.
    ProviderUnavailable {
        /// How long the caller is asked to wait.
        retry_after: Duration,
        /// Whether the error claims that the work may have been done.
        outcome_unknown: bool,
    },
    /// [`KeyProviderError::RotationInProgress`]
    RotationInProgress,
    /// [`KeyProviderError::KeyNotFound`]
    KeyNotFound,
    /// [`KeyProviderError::KeyRetired`]
    KeyRetired,
    /// [`KeyProviderError::Misconfigured`]
    Misconfigured,
    /// The work is done, but late. The wait is on the runtime's clock, which a test may pause.
    Delay(Duration),
    /// The call never returns, whatever its deadline.
    Hang,
    /// The call panics.
    Panic,
    /// The signature is of the right form, but wrong. Has no effect on other operations.
    WrongSignature,
    /// The work is done, then the answer is lost:
    /// [`ProviderUnavailable`](KeyProviderError::ProviderUnavailable) with `outcome_unknown`.
    LostReply,
}

/// One call as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `generate`
    Generate {
        /// What the key was to sign for.
        scope: Scope,
        /// The name of the key.
        key_id: KeyId,
    },
    /// `sign`
    Sign {
        /// The key.
        handle_id: HandleId,
        /// What was to be signed.
        digest: Digest,
    },
    /// `public_key`
    PublicKey {
        /// The key.
        handle_id: HandleId,
    },
    /// `retire`
    Retire {
        /// The key.
        handle_id: HandleId,
    },
}

pub(super) fn unavailable(retry_after: Duration, outcome_unknown: bool) -> KeyProviderError {
    KeyProviderError::ProviderUnavailable {
        context: "following the script of a test",
        retry_after,
        outcome_unknown,
        source: None,
    }
}
