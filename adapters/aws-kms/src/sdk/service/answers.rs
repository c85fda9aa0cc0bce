//! What the answers of AWS KMS hold, and whether it is what was asked for.

use aws_sdk_kms::operation::get_public_key::GetPublicKeyOutput;
use aws_sdk_kms::operation::sign::SignOutput;
use aws_sdk_kms::types::{
    KeyMetadata, KeySpec, KeyState, KeyUsageType, OriginType, SigningAlgorithmSpec,
};

use signer_cloud::{Trouble, told_that};
use signer_domain::ports::KeyProviderError;
use signer_domain::{PublicKey, Signature};

use super::super::arn::KeyArn;

/// A key as AWS describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct KeyDescription {
    pub(in super::super) arn: KeyArn,
    pub(in super::super) standing: KeyStanding,
    /// Whether it is a key that makes Ed25519 signatures.
    pub(in super::super) is_of_our_kind: bool,
    /// Whether AWS KMS made its private half. Of one that was imported somebody else has a copy.
    pub(in super::super) is_made_in_kms: bool,
    /// When it was made, in milliseconds since 1970.
    pub(in super::super) created: i64,
}

/// What a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum KeyStanding {
    /// It signs.
    Enabled,
    /// It does not, until somebody enables it.
    Disabled,
    /// It does not, and is going to be deleted.
    PendingDeletion,
    /// It does not yet, or cannot be reached.
    Unavailable,
}

impl KeyDescription {
    /// Reads a description.
    ///
    /// # Errors
    /// When a part is missing without which it is none.
    pub(in super::super) fn read(metadata: Option<&KeyMetadata>) -> Result<Self, KeyProviderError> {
        let metadata = metadata.ok_or_else(|| unexpected("there is no description of the key"))?;
        let arn = metadata.arn().and_then(KeyArn::parse);
        let is_of_our_kind = metadata.key_spec() == Some(&KeySpec::EccNistEdwards25519)
            && metadata.key_usage() == Some(&KeyUsageType::SignVerify);
        let created = metadata.creation_date().map(|date| date.to_millis());
        Ok(Self {
            arn: arn.ok_or_else(|| unexpected("the key has no ARN of a key"))?,
            standing: KeyStanding::of(metadata.key_state()),
            is_of_our_kind,
            is_made_in_kms: metadata.origin() == Some(&OriginType::AwsKms),
            created: created.and_then(Result::ok).unwrap_or(i64::MAX),
        })
    }
}

impl KeyStanding {
    fn of(state: Option<&KeyState>) -> Self {
        match state {
            Some(KeyState::Enabled) => Self::Enabled,
            Some(KeyState::Disabled) => Self::Disabled,
            Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) => {
                Self::PendingDeletion
            }
            // States that this library does not know are no reason to give a key up either.
            _ => Self::Unavailable,
        }
    }
}

/// The public key in an answer.
///
/// # Errors
/// When the key is not one for Ed25519 signatures.
pub(super) fn public_key_in(answer: &GetPublicKeyOutput) -> Result<PublicKey, KeyProviderError> {
    if answer.key_spec() != Some(&KeySpec::EccNistEdwards25519) {
        return Err(unexpected("the key is not an Ed25519 key"));
    }
    let der = answer.public_key().map(AsRef::as_ref);
    der.and_then(PublicKey::from_spki_der)
        .ok_or_else(|| unexpected("the public key is not an Ed25519 key"))
}

/// The signature in an answer.
///
/// # Errors
/// When it was made by another key or in another way, as far as the answer itself tells.
pub(super) fn signature_in(
    answer: &SignOutput,
    key: &KeyArn,
) -> Result<Signature, KeyProviderError> {
    if answer.key_id() != Some(key.as_str()) {
        return Err(unexpected("another key has signed"));
    }
    if answer.signing_algorithm() != Some(&SigningAlgorithmSpec::Ed25519Sha512) {
        return Err(unexpected("the signature was made with another algorithm"));
    }
    let bytes = answer.signature().map(AsRef::as_ref);
    bytes
        .and_then(|bytes| Signature::from_slice(bytes).ok())
        .ok_or_else(|| unexpected("the signature is not one of 64 bytes"))
}

fn unexpected(sentence: &'static str) -> KeyProviderError {
    Trouble::Unexpected.because(told_that(sentence))
}

#[cfg(test)]
mod tests {
    use aws_sdk_kms::primitives::{Blob, DateTime};

    use super::*;

    const ARN: &str = "arn:aws:kms:eu-central-1:123456789012:key/a";

    fn metadata(state: &str, spec: KeySpec) -> KeyMetadata {
        KeyMetadata::builder()
            .key_id("a")
            .arn(ARN)
            .key_state(KeyState::from(state))
            .key_spec(spec)
            .key_usage(KeyUsageType::SignVerify)
            .origin(OriginType::AwsKms)
            .creation_date(DateTime::from_millis(7))
            .build()
            .unwrap()
    }

    #[test]
    fn a_key_is_described_by_what_it_can_do() {
        for (state, standing) in [
            ("Enabled", KeyStanding::Enabled),
            ("Disabled", KeyStanding::Disabled),
            ("PendingDeletion", KeyStanding::PendingDeletion),
            ("PendingReplicaDeletion", KeyStanding::PendingDeletion),
            ("Creating", KeyStanding::Unavailable),
            ("OfNextYear", KeyStanding::Unavailable),
        ] {
            let metadata = metadata(state, KeySpec::EccNistEdwards25519);
            let described = KeyDescription::read(Some(&metadata)).unwrap();
            assert_eq!(described.standing, standing, "{state}");
            assert_eq!((described.created, described.is_of_our_kind), (7, true));
            assert!(described.is_made_in_kms);
        }
        let other = KeyDescription::read(Some(&metadata("Enabled", KeySpec::EccNistP256)));
        assert!(!other.unwrap().is_of_our_kind);
        assert!(KeyDescription::read(None).is_err(), "nothing is described");
    }

    fn signed(key: &str, algorithm: SigningAlgorithmSpec, length: usize) -> SignOutput {
        SignOutput::builder()
            .key_id(key)
            .signing_algorithm(algorithm)
            .signature(Blob::new(vec![7; length]))
            .build()
    }

    #[test]
    fn a_signature_is_that_of_the_key_by_the_algorithm_that_was_asked_for() {
        let key = KeyArn::parse(ARN).unwrap();
        let read = |answer: SignOutput| signature_in(&answer, &key).ok();
        let good = read(signed(ARN, SigningAlgorithmSpec::Ed25519Sha512, 64));
        assert_eq!(good, Some(Signature::from_bytes([7; 64])));
        let other_key = "arn:aws:kms:eu-central-1:123456789012:key/b";
        for bad in [
            signed(other_key, SigningAlgorithmSpec::Ed25519Sha512, 64),
            signed(ARN, SigningAlgorithmSpec::Ed25519PhSha512, 64),
            signed(ARN, SigningAlgorithmSpec::Ed25519Sha512, 63),
            SignOutput::builder().build(),
        ] {
            assert_eq!(read(bad), None);
        }
    }

    #[test]
    fn a_public_key_is_that_of_an_ed25519_key() {
        let key = PublicKey::from_bytes([7; 32]);
        let answer = |spec, der: &[u8]| {
            let answer = GetPublicKeyOutput::builder().key_spec(spec);
            public_key_in(&answer.public_key(Blob::new(der)).build()).ok()
        };
        let der = key.to_spki_der();
        assert_eq!(answer(KeySpec::EccNistEdwards25519, &der), Some(key));
        assert_eq!(answer(KeySpec::EccNistP256, &der), None);
        assert_eq!(answer(KeySpec::EccNistEdwards25519, &der[1..]), None);
    }
}
