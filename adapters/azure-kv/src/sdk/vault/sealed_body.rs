//! The bodies of requests and answers that hold a private key.
//!
//! They are written and read here, and not by the library, so that as few copies as possible are made,
//! and those that this process can reach are wiped. What the library, the TLS connection and the
//! allocator copied on the way is out of reach.

use azure_core::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use zeroize::{Zeroize as _, Zeroizing};

const OPENING: &[u8] = br#"{"alg":"RSA-OAEP-256","value":""#;
const CLOSING: &[u8] = br#""}"#;

use signer_key_pair::LentKey;
/// The request to encrypt a private key. Its bytes are wiped when the last who sends them lets go.
pub(super) fn seal_request(key: &LentKey) -> Bytes {
    request_with(key.expose_seed())
}

/// The request to decrypt one.
pub(super) fn unseal_request(ciphertext: &[u8]) -> Bytes {
    request_with(ciphertext)
}

fn request_with(value: &[u8]) -> Bytes {
    let length = value.len().div_ceil(3).saturating_mul(4);
    let mut text = Zeroizing::new(vec![0; length]);
    // The room is that of base64 with padding, so it is enough.
    let written = URL_SAFE_NO_PAD.encode_slice(value, text.as_mut_slice());
    text.truncate(written.unwrap_or_default());
    // Made as long as it will be: one that grows leaves its shorter self behind.
    let mut body = Zeroizing::new(Vec::with_capacity(OPENING.len() + length + CLOSING.len()));
    body.extend_from_slice(OPENING);
    body.extend_from_slice(&text);
    body.extend_from_slice(CLOSING);
    Bytes::from_owner(body)
}

/// What is read of an answer. The text is not copied out of it.
#[derive(Deserialize)]
struct Answer<'a> {
    value: &'a str,
}

/// The private key in the answer to a request to decrypt one; `None` when there is none in it.
pub(super) fn key_in(answer: Bytes) -> Option<LentKey> {
    let key = read(&answer);
    // Only where nobody else holds on to these bytes.
    if let Ok(mut bytes) = answer.try_into_mut() {
        bytes.as_mut().zeroize();
    }
    key
}

fn read(answer: &[u8]) -> Option<LentKey> {
    let answer: Answer<'_> = serde_json::from_slice(answer).ok()?;
    // A little more than a key needs, because the decoder wants whole groups of bytes.
    let mut room = Zeroizing::new([0; 48]);
    let length = URL_SAFE_NO_PAD
        .decode_slice(answer.value, room.as_mut_slice())
        .ok()?;
    let mut seed = Zeroizing::new([0; LentKey::LEN]);
    let bytes = room.get(..length)?;
    if bytes.len() != LentKey::LEN {
        return None;
    }
    seed.copy_from_slice(bytes);
    LentKey::of(seed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_what_the_service_reads() {
        let body = unseal_request(&[0xfb, 0xff, 0x00, 0x01]);
        let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let expected = serde_json::json!({ "alg": "RSA-OAEP-256", "value": "-_8AAQ" });
        assert_eq!(document, expected);
    }

    #[test]
    fn the_key_that_was_sent_is_the_key_that_comes_back() {
        let key = LentKey::make().unwrap();
        let body = seal_request(&key);
        assert_eq!(key_in(body).unwrap().public_key(), key.public_key());
    }

    #[test]
    fn an_answer_without_a_whole_key_holds_none() {
        let long = URL_SAFE_NO_PAD.encode([7; 33]);
        let longer = URL_SAFE_NO_PAD.encode([7; 64]);
        let short = URL_SAFE_NO_PAD.encode([7; 31]);
        for value in ["", "AA", "!", &short, &long, &longer] {
            let body = format!(r#"{{"kid":"k","value":"{value}"}}"#);
            assert!(key_in(Bytes::from(body)).is_none(), "{value}");
        }
        assert!(key_in(Bytes::from_static(b"{}")).is_none());
        assert!(key_in(Bytes::from_static(b"<html>")).is_none());
    }
}
