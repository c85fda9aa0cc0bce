//! From the errors of the driven ports to the errors of custody.

use std::time::Duration;

use signer_domain::ErrorChain;
use signer_domain::ports::{
    Cause, CustodyError, KeyProviderError, KeyRegistryError, ReservationRefused,
};
use tracing::field::{DisplayValue, display};

/// How long a caller should wait when nobody knows better.
pub(crate) const RETRY_SOON: Duration = Duration::from_secs(1);

/// Maps a provider's error; the cause goes to the log and no further.
pub(crate) fn from_provider(error: KeyProviderError) -> CustodyError {
    match error {
        // The registry knows the key, so a provider that does not has lost it or cannot see it. Only
        // the registry's word makes a key unknown.
        KeyProviderError::KeyNotFound => {
            tracing::error!("provider does not hold a registered key");
            provider_down()
        }
        KeyProviderError::KeyRetired => CustodyError::KeyRetired,
        KeyProviderError::RotationInProgress => CustodyError::RotationInProgress,
        KeyProviderError::ProviderUnavailable {
            context,
            retry_after,
            outcome_unknown,
            source,
        } => {
            tracing::warn!(
                context,
                outcome_unknown,
                cause = told(source.as_ref()),
                "key provider unavailable"
            );
            CustodyError::ProviderUnavailable {
                retry_after,
                outcome_unknown,
            }
        }
        KeyProviderError::Misconfigured { context, source } => {
            tracing::error!(
                context,
                cause = told(source.as_ref()),
                "key provider misconfigured"
            );
            CustodyError::ProviderUnavailable {
                retry_after: RETRY_SOON,
                outcome_unknown: false,
            }
        }
    }
}

/// What stands in a log line for a cause, as far as there is one.
fn told(cause: Option<&Cause>) -> Option<DisplayValue<ErrorChain<'_>>> {
    cause.map(|cause| display(ErrorChain::of(&**cause)))
}

/// Says why a name cannot be had.
pub(crate) const fn from_reservation(refused: ReservationRefused) -> CustodyError {
    match refused {
        ReservationRefused::RotationInProgress => CustodyError::RotationInProgress,
        ReservationRefused::NameTaken => CustodyError::NameTaken,
        ReservationRefused::CurrentRetired => CustodyError::KeyRetired,
        ReservationRefused::UnknownScope => CustodyError::KeyNotFound,
    }
}

/// Maps a registry's error; the cause goes to the log and no further.
pub(crate) fn from_registry(error: KeyRegistryError) -> CustodyError {
    match error {
        KeyRegistryError::Unavailable { context, source } => {
            tracing::warn!(
                context,
                cause = told(source.as_ref()),
                "key registry unavailable"
            );
        }
        KeyRegistryError::Conflict => {
            tracing::warn!("key record changed in the meantime");
        }
        KeyRegistryError::RotationInProgress => return CustodyError::RotationInProgress,
    }
    CustodyError::RegistryUnavailable {
        retry_after: RETRY_SOON,
    }
}

/// The provider cannot be reached.
pub(crate) const fn provider_down() -> CustodyError {
    CustodyError::ProviderUnavailable {
        retry_after: RETRY_SOON,
        outcome_unknown: false,
    }
}

/// The provider did not answer before the deadline.
pub(crate) const fn provider_silent() -> CustodyError {
    CustodyError::ProviderUnavailable {
        retry_after: RETRY_SOON,
        outcome_unknown: true,
    }
}
