//! Known answers: what derivation and signing must yield before the provider may serve.

use signer_domain::{KeyId, Scope};
use signer_key_pair::KeyPair;
use signer_verify::vectors::{VECTORS, Vector};

use super::secret_seed::SecretSeed;

/// The public key derived from the seed `00 01 .. 1f` for `platform|k1`, as computed by another
/// implementation.
const DERIVED: [u8; 32] = [
    0xb3, 0xff, 0xc5, 0xed, 0x02, 0x0c, 0xfe, 0x01, 0xd5, 0xf0, 0x69, 0x10, 0x39, 0x5d, 0xae, 0x37,
    0xaa, 0xba, 0x79, 0x36, 0x11, 0x8e, 0x0e, 0x09, 0x46, 0xa9, 0xd4, 0xad, 0x60, 0xa8, 0x22, 0x53,
];

/// A self-test that was passed once and can be repeated at the price of one signature.
pub(super) struct SelfTest {
    vector: Vector,
    pair: KeyPair,
}

impl SelfTest {
    /// Compares derivation with a known answer, and signing with the vectors of RFC 8032.
    pub(super) fn pass() -> Result<Self, SelfTestError> {
        check_derivation()?;
        let [first, second, third, digest] = VECTORS;
        for vector in [first, second, third] {
            Self::of(vector)?.repeat()?;
        }
        let kept = Self::of(digest)?;
        kept.repeat()?;
        Ok(kept)
    }

    /// Signs one vector again.
    pub(super) fn repeat(&self) -> Result<(), SelfTestError> {
        let signature = self.pair.sign(self.vector.message);
        if *signature.as_bytes() == self.vector.signature {
            Ok(())
        } else {
            Err(SelfTestError(self.vector.name))
        }
    }

    fn of(vector: Vector) -> Result<Self, SelfTestError> {
        match KeyPair::from_seed(&vector.seed) {
            Ok(pair) if *pair.public_key().as_bytes() == vector.public_key => {
                Ok(Self { vector, pair })
            }
            _ => Err(SelfTestError(vector.name)),
        }
    }
}

fn check_derivation() -> Result<(), SelfTestError> {
    let wrong = SelfTestError("key derivation");
    let seed = SecretSeed::fill_with(|bytes| {
        bytes
            .iter_mut()
            .zip(0..)
            .for_each(|(byte, value)| *byte = value);
        Ok(())
    })?;
    let key_id = KeyId::parse("k1").map_err(|_unspecific| wrong)?;
    match seed.derive(&Scope::Platform, &key_id) {
        Ok(pair) if *pair.public_key().as_bytes() == DERIVED => Ok(()),
        _ => Err(wrong),
    }
}

/// The cryptography of this binary does not give the published answers on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "--key-provider software: the self-test gave a wrong answer at {0}; do not use this binary on this machine"
)]
pub struct SelfTestError(&'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_and_passes_again() {
        assert_eq!(SelfTest::pass().unwrap().repeat(), Ok(()));
    }

    #[test]
    fn a_wrong_signature_and_a_wrong_public_key_fail_it() {
        let [mut vector, ..] = VECTORS;
        vector.signature[0] ^= 1;
        assert_eq!(
            SelfTest::of(vector).unwrap().repeat(),
            Err(SelfTestError("TEST 1"))
        );
        let [mut vector, ..] = VECTORS;
        vector.public_key[0] ^= 1;
        assert_eq!(SelfTest::of(vector).err(), Some(SelfTestError("TEST 1")));
    }
}
