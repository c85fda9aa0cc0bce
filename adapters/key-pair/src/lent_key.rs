//! A private key that is at home elsewhere.

use std::fmt;

use ring::error::Unspecified;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use signer_domain::{Digest, PublicKey, Signature};

use super::key_pair::KeyPair;

/// A private key that is at home elsewhere, encrypted, and in this process for as long as it takes to
/// sign once. It is wiped when it is dropped.
pub struct LentKey {
    seed: Zeroizing<[u8; Self::LEN]>,
    pair: KeyPair,
}

impl LentKey {
    /// The length of a private key (RFC 8032 §5.1.5) in bytes.
    pub const LEN: usize = 32;

    /// A new one, out of the system's random bytes.
    ///
    /// # Errors
    /// When the system has none.
    pub fn make() -> Result<Self, Unspecified> {
        let mut seed = Zeroizing::new([0; Self::LEN]);
        SystemRandom::new().fill(seed.as_mut())?;
        Self::of(seed)
    }

    /// The one with these bytes.
    ///
    /// # Errors
    /// As [`KeyPair::from_seed`].
    pub fn of(seed: Zeroizing<[u8; Self::LEN]>) -> Result<Self, Unspecified> {
        let pair = KeyPair::from_seed(&seed)?;
        Ok(Self { seed, pair })
    }

    /// Shows the bytes, so that they can be encrypted where the key is to be at home.
    pub fn expose_seed(&self) -> &[u8; Self::LEN] {
        &self.seed
    }

    /// The public half.
    pub const fn public_key(&self) -> PublicKey {
        self.pair.public_key()
    }

    /// Signs with pure Ed25519, and ends the loan.
    pub fn sign(self, digest: &Digest) -> Signature {
        self.pair.sign(digest.as_bytes())
    }
}

impl fmt::Debug for LentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LentKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_the_same_key() {
        let made = LentKey::make().unwrap();
        let lent = LentKey::of(Zeroizing::new(*made.expose_seed())).unwrap();
        assert_eq!(lent.public_key(), made.public_key());
        let digest = Digest::from_bytes([7; 64]);
        assert_eq!(lent.sign(&digest), made.sign(&digest));
    }

    #[test]
    fn made_keys_differ() {
        let [one, other] = [(); 2].map(|()| LentKey::make().unwrap().public_key());
        assert_ne!(one, other);
    }

    #[test]
    fn debug_shows_nothing() {
        let key = LentKey::of(Zeroizing::new([0xa7; 32])).unwrap();
        assert_eq!(format!("{key:?}"), "LentKey { .. }");
    }
}
