//! The public half of a key pair and its interchange form.

use serde::{Deserialize, Serialize};

use crate::fixed_bytes::fixed_bytes;

/// `SEQUENCE { SEQUENCE { OID 1.3.101.112 }, BIT STRING }` up to the key bytes (RFC 8410 §4).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// An Ed25519 public key, 32 bytes: the encoding of the point `A` (RFC 8032 §5.1.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

fixed_bytes!(PublicKey, 32);

impl PublicKey {
    /// The key as DER `SubjectPublicKeyInfo`, 44 bytes (RFC 8410 §4).
    pub fn to_spki_der(&self) -> [u8; 44] {
        let mut der = [0; 44];
        let (prefix, key) = der.split_at_mut(SPKI_PREFIX.len());
        prefix.copy_from_slice(&SPKI_PREFIX);
        key.copy_from_slice(&self.0);
        der
    }

    /// Takes the key out of DER `SubjectPublicKeyInfo` (RFC 8410 §4); `None` for any other content.
    pub fn from_spki_der(der: &[u8]) -> Option<Self> {
        let key = der.strip_prefix(SPKI_PREFIX.as_slice())?;
        Self::from_slice(key).ok()
    }

    /// The key as PEM with the label `PUBLIC KEY` (RFC 7468 §13), ending in a line feed.
    pub fn to_spki_pem(&self) -> String {
        use base64::Engine as _;
        let body = base64::engine::general_purpose::STANDARD.encode(self.to_spki_der());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spki_is_the_example_of_rfc_8410() {
        let pem = "-----BEGIN PUBLIC KEY-----\n\
                   MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
                   -----END PUBLIC KEY-----\n";
        let key = PublicKey::from_base64("Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=").unwrap();
        assert_eq!(key.to_spki_pem(), pem);
        assert_eq!(PublicKey::from_spki_der(&key.to_spki_der()), Some(key));
    }

    #[test]
    fn refuses_an_spki_of_another_algorithm_or_length() {
        let der = PublicKey::from_bytes([7; 32]).to_spki_der();
        let mut x25519 = der;
        x25519[8] = 0x6e;
        assert_eq!(PublicKey::from_spki_der(&x25519), None);
        assert_eq!(PublicKey::from_spki_der(&der[..43]), None);
    }
}
