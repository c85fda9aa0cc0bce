//! An Ed25519 key pair of the double.

use ring::error::Unspecified;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use signer_domain::{PublicKey, Signature};

/// A key pair that guards nothing.
pub(super) struct KeyPair(Ed25519KeyPair);

impl KeyPair {
    /// A key pair out of the system's random bytes.
    pub(super) fn random() -> Result<Self, Unspecified> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(Unspecified::from)?;
        Ok(Self(pair))
    }

    /// Signs with pure Ed25519 (RFC 8032 §5.1.6).
    pub(super) fn sign(&self, message: &[u8]) -> Signature {
        let mut bytes = [0; Signature::LEN];
        bytes.copy_from_slice(self.0.sign(message).as_ref());
        Signature::from_bytes(bytes)
    }

    /// The public half.
    pub(super) fn public_key(&self) -> PublicKey {
        let mut bytes = [0; PublicKey::LEN];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_pairs_differ() {
        let [one, other] = [(); 2].map(|()| KeyPair::random().unwrap().public_key());
        assert_ne!(one, other);
    }
}
