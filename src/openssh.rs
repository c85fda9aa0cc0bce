//! A public key as OpenSSH writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signer_domain::{KeyId, PublicKey};

const ALGORITHM: &[u8] = b"ssh-ed25519";

/// One line: algorithm, key blob (RFC 8709 §4), and the name of the key as its comment.
pub(crate) fn openssh_line(key: &PublicKey, comment: &KeyId) -> String {
    let mut blob = Vec::new();
    for field in [ALGORITHM, key.as_bytes()] {
        // Both fields are shorter than 256 bytes, so the length (RFC 4251 §5) fits its last byte.
        let length = u8::try_from(field.len()).unwrap_or(u8::MAX);
        blob.extend([0, 0, 0, length]);
        blob.extend(field);
    }
    let blob = STANDARD.encode(blob);
    format!("ssh-ed25519 {blob} {comment}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_blob_that_every_ed25519_key_of_openssh_begins_with() {
        let line = openssh_line(
            &PublicKey::from_bytes([0; 32]),
            &KeyId::parse("k1").unwrap(),
        );
        let zeros = "A".repeat(43);
        assert_eq!(
            line,
            format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{zeros} k1\n")
        );
    }
}
