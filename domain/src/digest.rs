//! What is signed.

use serde::{Deserialize, Serialize};

use crate::fixed_bytes::fixed_bytes;

/// A SHA-512 digest, 64 bytes: the message that is signed, with pure Ed25519 (RFC 8032 §5.1.6).
///
/// The digest is the message itself. It is not the prehash of Ed25519ph, so a verifier passes these
/// 64 bytes to its ordinary Ed25519 verification.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest([u8; 64]);

fixed_bytes!(Digest, 64);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ParseBytesError;

    #[test]
    fn refuses_other_lengths_and_other_alphabets() {
        let expected = 64;
        assert_eq!(
            Digest::from_base64(""),
            Err(ParseBytesError::Length {
                expected,
                actual: 0
            })
        );
        assert_eq!(
            Digest::from_slice(&[0; 63]),
            Err(ParseBytesError::Length {
                expected,
                actual: 63
            })
        );
        let good = Digest::from_bytes([0xfb; 64]).to_base64();
        assert_eq!(good.len(), 88);
        for text in [
            good.trim_end_matches('=').to_owned(),
            good.replace('+', "-"),
            format!("{good}\n"),
            format!(" {good}"),
        ] {
            assert_eq!(
                Digest::from_base64(&text),
                Err(ParseBytesError::NotBase64),
                "{text:?}"
            );
        }
    }

    #[test]
    fn refuses_base64_with_stray_trailing_bits() {
        let mut text = Digest::from_bytes([0; 64]).to_base64();
        text.replace_range(85..86, "B");
        assert_eq!(Digest::from_base64(&text), Err(ParseBytesError::NotBase64));
    }

    proptest! {
        #[test]
        fn reads_back_from_its_base64(bytes in prop::collection::vec(any::<u8>(), 64)) {
            let digest = Digest::from_slice(&bytes)?;
            prop_assert_eq!(Digest::from_base64(&digest.to_base64())?, digest);
        }
    }
}
