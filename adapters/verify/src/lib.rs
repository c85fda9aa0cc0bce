//! Verification of signatures before they leave the process.
//!
//! It measures fastest of the sound ones: cofactorless verification by `ed25519-dalek` with the key
//! decompressed once, and a table of multiples for a key in steady use. What `verify_strict` checks anew
//! for each signature, at the price of a point decompression, is checked here once for the key. What
//! remains accepted is exactly what `verify_strict` accepts, with and without the table, as tests show.

mod table;
pub mod vectors;

use std::fmt;
use std::sync::Arc;

use ed25519_dalek::{Verifier as _, VerifyingKey};

use signer_domain::ports::{InvalidPublicKey, SignatureVerifier};
use signer_domain::{Digest, PublicKey, Signature};

use table::{Multiples, Table};

/// The encoding of the neutral element (RFC 8032 §5.1.2).
const NEUTRAL_ELEMENT: [u8; 32] = {
    let mut encoding = [0; 32];
    encoding[0] = 1;
    encoding
};

/// Makes the verifier of one public key; a [`VerifierFactory`](signer_domain::ports::VerifierFactory).
///
/// # Errors
/// When the bytes are not the canonical encoding of a point of the prime-order group other than the
/// neutral element. Every key pair made after RFC 8032 has such a public key.
pub fn verifier_for(
    public_key: &PublicKey,
) -> Result<Arc<dyn SignatureVerifier>, InvalidPublicKey> {
    Ok(Arc::new(KeyInUse {
        key: VettedKey::new(public_key)?,
        multiples: Multiples::default(),
    }))
}

/// Makes a verifier that never makes a table; a
/// [`VerifierFactory`](signer_domain::ports::VerifierFactory). The yardstick of measurements.
///
/// # Errors
/// As [`verifier_for`].
pub fn plain_verifier_for(
    public_key: &PublicKey,
) -> Result<Arc<dyn SignatureVerifier>, InvalidPublicKey> {
    Ok(Arc::new(VettedKey::new(public_key)?))
}

/// A key, and its table once many signatures were verified.
struct KeyInUse {
    key: VettedKey,
    multiples: Multiples,
}

impl SignatureVerifier for KeyInUse {
    fn accepts(&self, digest: &Digest, signature: &Signature) -> bool {
        match self.multiples.of(&self.key.0) {
            Some(table) => self
                .key
                .accepts_by_table(table, digest.as_bytes(), signature),
            None => self.key.accepts(digest, signature),
        }
    }
}

impl fmt::Debug for KeyInUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

/// A public key without a component of small order.
struct VettedKey(VerifyingKey);

impl VettedKey {
    fn new(public_key: &PublicKey) -> Result<Self, InvalidPublicKey> {
        let key = VerifyingKey::from_bytes(public_key.as_bytes())
            .map_err(|_unspecific| InvalidPublicKey)?;
        let point = key.to_edwards();
        let is_canonical = point.compress().as_bytes() == public_key.as_bytes();
        if is_canonical && !point.is_small_order() && point.is_torsion_free() {
            Ok(Self(key))
        } else {
            Err(InvalidPublicKey)
        }
    }

    /// `verify` refuses an `S` that is not reduced, and compares `R` with the encoding of the point
    /// it computes, hence refuses every `R` that is not canonical. Under a key of prime order that
    /// point is of prime order too, or neutral. A neutral `R` means a nonce of zero, and such a
    /// signature gives the private key away: the very fault that must not leave the process.
    fn accepts_message(&self, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        *signature.r_bytes() != NEUTRAL_ELEMENT && self.0.verify(message, &signature).is_ok()
    }

    /// The same by a table of this key.
    fn accepts_by_table(&self, table: &Table, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
        let commitment = table.commitment(self.0.as_bytes(), message, &signature);
        *signature.r_bytes() != NEUTRAL_ELEMENT && commitment == Some(*signature.r_bytes())
    }
}

impl SignatureVerifier for VettedKey {
    fn accepts(&self, digest: &Digest, signature: &Signature) -> bool {
        self.accepts_message(digest.as_bytes(), signature)
    }
}

impl fmt::Debug for VettedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VettedKey")
            .field(&PublicKey::from_bytes(self.0.to_bytes()))
            .finish()
    }
}

#[cfg(test)]
mod tests;
