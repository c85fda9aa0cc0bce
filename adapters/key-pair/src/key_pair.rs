//! An Ed25519 key pair in this process.

use std::fmt;
use std::hint::black_box;

use ring::error::Unspecified;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use signer_domain::{PublicKey, Signature};

/// An Ed25519 key pair, overwritten when it is dropped.
pub struct KeyPair {
    pair: Ed25519KeyPair,
    public_key: PublicKey,
}

impl KeyPair {
    /// The key pair of a private key (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// When the library refuses it, which it does for no seed of this length.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Unspecified> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(Unspecified::from)?;
        let public_key = PublicKey::from_slice(pair.public_key().as_ref())
            .map_err(|_never_of_another_length| Unspecified)?;
        Ok(Self { pair, public_key })
    }

    /// Signs with pure Ed25519 (RFC 8032 §5.1.6).
    pub fn sign(&self, message: &[u8]) -> Signature {
        let mut bytes = [0; Signature::LEN];
        bytes.copy_from_slice(self.pair.sign(message).as_ref());
        Signature::from_bytes(bytes)
    }

    /// The public half.
    pub const fn public_key(&self) -> PublicKey {
        self.public_key
    }
}

impl Drop for KeyPair {
    /// `ring` does not wipe its key pairs and shows no part of them to wipe, so the whole value is
    /// replaced, where it stands, by the pair of a public constant. The optimiser may not drop the
    /// write, because the value is then handed to [`black_box`].
    fn drop(&mut self) {
        if let Ok(blank) = Ed25519KeyPair::from_seed_unchecked(&[0; 32]) {
            self.pair = blank;
        }
        black_box(&mut self.pair);
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair")
            .field("public_key", &self.public_key)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_public_half_only() {
        let pair = KeyPair::from_seed(&[0xa7; 32]).unwrap();
        let expected = format!("KeyPair {{ public_key: {:?}, .. }}", pair.public_key());
        assert_eq!(format!("{pair:?}"), expected);
    }
}
