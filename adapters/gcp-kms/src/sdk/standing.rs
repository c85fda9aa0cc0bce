//! What the state of a version means for its key.

use google_cloud_kms_v1::model::crypto_key_version::{
    CryptoKeyVersionAlgorithm, CryptoKeyVersionState,
};
use google_cloud_kms_v1::model::{CryptoKeyVersion, ProtectionLevel};

use signer_cloud::told_that;
use signer_domain::ports::KeyProviderError;

use super::settings::GcpProtectionLevel;

/// What the state of a version means for its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It signs.
    Usable,
    /// It is going to sign in a moment.
    Coming,
    /// It does not sign any more.
    Retired,
    /// It never came to be.
    Failed,
    /// The service has a state that this program does not know.
    Unknown,
}

impl Standing {
    pub(super) const fn of(version: &CryptoKeyVersion) -> Self {
        use CryptoKeyVersionState as State;
        match version.state {
            State::Enabled => Self::Usable,
            State::PendingGeneration | State::PendingImport => Self::Coming,
            State::Disabled
            | State::DestroyScheduled
            | State::Destroyed
            | State::PendingExternalDestruction
            | State::ExternalDestructionFailed => Self::Retired,
            State::GenerationFailed | State::ImportFailed => Self::Failed,
            // The enumeration is open: the service may learn more states.
            _ => Self::Unknown,
        }
    }
}

/// Refuses a version that stands under the name of a key of ours and was not made as ours are. Whoever
/// may make keys in the key ring could have put it there in advance.
pub(super) fn require_ours(
    version: &CryptoKeyVersion,
    level: GcpProtectionLevel,
) -> Result<(), KeyProviderError> {
    let is_as_good = match version.protection_level {
        ProtectionLevel::Hsm | ProtectionLevel::HsmSingleTenant => true,
        ProtectionLevel::Software => level == GcpProtectionLevel::Software,
        _ => false,
    };
    let context = if version.algorithm != CryptoKeyVersionAlgorithm::EcSignEd25519 {
        "adopting a key: under its name stands one of another purpose or algorithm"
    } else if !version.import_job.is_empty() || version.import_time.is_some() {
        "adopting a key: under its name stands one that was imported"
    } else if !is_as_good {
        "adopting a key: under its name stands one of a lower protection level"
    } else {
        return Ok(());
    };
    Err(KeyProviderError::Misconfigured {
        context,
        source: Some(told_that(version.name.as_str())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> CryptoKeyVersion {
        CryptoKeyVersion::new()
            .set_algorithm(CryptoKeyVersionAlgorithm::EcSignEd25519)
            .set_protection_level(ProtectionLevel::Hsm)
    }

    fn context(version: &CryptoKeyVersion, level: GcpProtectionLevel) -> &'static str {
        match require_ours(version, level) {
            Ok(()) => "",
            Err(KeyProviderError::Misconfigured { context, .. }) => context,
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_that_was_made_as_ours_are_is_adopted() {
        let software = ours().set_protection_level(ProtectionLevel::Software);
        for (version, level) in [
            (&ours(), GcpProtectionLevel::Hsm),
            (&ours(), GcpProtectionLevel::Software),
            (&software, GcpProtectionLevel::Software),
        ] {
            assert_eq!(context(version, level), "");
        }
    }

    #[test]
    fn a_key_that_another_hand_made_is_not() {
        let p256 = ours().set_algorithm(CryptoKeyVersionAlgorithm::EcSignP256Sha256);
        let imported = ours().set_import_job("projects/p/importJobs/j");
        let software = ours().set_protection_level(ProtectionLevel::Software);
        let elsewhere = ours().set_protection_level(ProtectionLevel::External);
        for (version, said) in [
            (p256, "another purpose or algorithm"),
            (imported, "imported"),
            (software, "lower protection level"),
            (elsewhere, "lower protection level"),
        ] {
            let context = context(&version, GcpProtectionLevel::Hsm);
            assert!(context.contains(said), "{context}");
        }
    }

    #[test]
    fn every_state_has_a_meaning() {
        for (state, standing) in [
            (CryptoKeyVersionState::Enabled, Standing::Usable),
            (CryptoKeyVersionState::PendingGeneration, Standing::Coming),
            (CryptoKeyVersionState::Disabled, Standing::Retired),
            (CryptoKeyVersionState::DestroyScheduled, Standing::Retired),
            (CryptoKeyVersionState::Destroyed, Standing::Retired),
            (CryptoKeyVersionState::GenerationFailed, Standing::Failed),
            (CryptoKeyVersionState::from(4711), Standing::Unknown),
        ] {
            let version = ours().set_state(state.clone());
            assert_eq!(Standing::of(&version), standing, "{state:?}");
        }
    }
}
