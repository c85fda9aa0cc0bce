//! Whether an answer is whole and about what was asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use google_cloud_kms_v1::model;
use google_cloud_kms_v1::model::crypto_key_version::CryptoKeyVersionAlgorithm;

use signer_domain::{PublicKey, Signature};

use super::key_ring::VersionName;

/// The checksum that goes with these bytes.
pub(super) fn checksum(bytes: &[u8]) -> i64 {
    i64::from(crc32c::crc32c(bytes))
}

/// What is wrong with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    #[error("the service did not get the digest as it was sent")]
    Request,
    #[error("the answer is not what its checksum says")]
    Answer,
    #[error("the answer is about another version")]
    OtherVersion,
    #[error("the answer is of another algorithm or form")]
    OtherForm,
}

/// The signature of an answer.
pub(super) fn signature(
    answer: &model::AsymmetricSignResponse,
    version: &VersionName,
) -> Result<Signature, Damage> {
    if answer.name != version.as_str() {
        return Err(Damage::OtherVersion);
    }
    if !answer.verified_data_crc32c {
        return Err(Damage::Request);
    }
    if answer.signature_crc32c != Some(checksum(&answer.signature)) {
        return Err(Damage::Answer);
    }
    Signature::from_slice(&answer.signature).map_err(|_length| Damage::OtherForm)
}

/// The public key of an answer.
pub(super) fn public_key(
    answer: &model::PublicKey,
    version: &VersionName,
) -> Result<PublicKey, Damage> {
    if answer.name != version.as_str() {
        return Err(Damage::OtherVersion);
    }
    if answer.pem_crc32c != Some(checksum(answer.pem.as_bytes())) {
        return Err(Damage::Answer);
    }
    if answer.algorithm != CryptoKeyVersionAlgorithm::EcSignEd25519 {
        return Err(Damage::OtherForm);
    }
    in_pem(&answer.pem).ok_or(Damage::OtherForm)
}

/// The key in a PEM text with the label `PUBLIC KEY` (RFC 7468 §13).
fn in_pem(pem: &str) -> Option<PublicKey> {
    let body = pem.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?;
    let body = body.strip_suffix("-----END PUBLIC KEY-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    PublicKey::from_spki_der(&STANDARD.decode(body).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdk::GcpKeyRing;

    fn version() -> VersionName {
        let ring: GcpKeyRing = "projects/p/locations/l/keyRings/r".parse().unwrap();
        ring.first_version_of("k")
    }

    fn signed() -> model::AsymmetricSignResponse {
        model::AsymmetricSignResponse::new()
            .set_name(version().as_str())
            .set_signature(vec![7; 64])
            .set_signature_crc32c(checksum(&[7; 64]))
            .set_verified_data_crc32c(true)
    }

    fn shown() -> model::PublicKey {
        let pem = PublicKey::from_bytes([7; 32]).to_spki_pem();
        model::PublicKey::new()
            .set_name(version().as_str())
            .set_pem_crc32c(checksum(pem.as_bytes()))
            .set_pem(pem)
            .set_algorithm(CryptoKeyVersionAlgorithm::EcSignEd25519)
    }

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        // Its appendix B.4: 32 bytes of zeros, and 32 of ones.
        assert_eq!(checksum(&[0; 32]), 0x8a91_36aa);
        assert_eq!(checksum(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn a_whole_answer_is_taken() {
        let taken = signature(&signed(), &version());
        assert_eq!(taken, Ok(Signature::from_bytes([7; 64])));
        let taken = public_key(&shown(), &version());
        assert_eq!(taken, Ok(PublicKey::from_bytes([7; 32])));
    }

    #[test]
    fn a_signature_that_was_damaged_or_is_of_something_else_is_not() {
        let short = signed()
            .set_signature(vec![7; 63])
            .set_signature_crc32c(checksum(&[7; 63]));
        for (answer, damage) in [
            (signed().set_name("other"), Damage::OtherVersion),
            (signed().set_verified_data_crc32c(false), Damage::Request),
            (signed().set_signature(vec![8; 64]), Damage::Answer),
            (
                signed().set_or_clear_signature_crc32c(None::<i64>),
                Damage::Answer,
            ),
            (short, Damage::OtherForm),
        ] {
            assert_eq!(signature(&answer, &version()), Err(damage));
        }
    }

    #[test]
    fn a_public_key_that_was_damaged_or_is_of_something_else_is_not() {
        let no_pem = |pem: &str| {
            let sum = checksum(pem.as_bytes());
            shown().set_pem(pem).set_pem_crc32c(sum)
        };
        for (answer, damage) in [
            (shown().set_name("other"), Damage::OtherVersion),
            (shown().set_pem_crc32c(1), Damage::Answer),
            (
                shown().set_algorithm(CryptoKeyVersionAlgorithm::EcSignP256Sha256),
                Damage::OtherForm,
            ),
            (no_pem("MCowBQYDK2VwAyEA"), Damage::OtherForm),
            (
                no_pem("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n"),
                Damage::OtherForm,
            ),
        ] {
            assert_eq!(public_key(&answer, &version()), Err(damage));
        }
    }
}
