//! What must never be seen, and looking for it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use ring::hkdf::{HKDF_SHA512, KeyType, Salt};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

/// Secret bytes, in every form in which they could come out.
#[derive(Debug)]
pub struct Canary {
    name: String,
    needles: Vec<Vec<u8>>,
}

impl Canary {
    /// Secret bytes that are called `name`. A part of them that is as long as a word of 64 bits gives
    /// them away as well, where it is not cut up by an encoding.
    pub fn new(name: &str, secret: &[u8]) -> Self {
        assert!(secret.len() >= 16, "too short to be told from chance");
        let mut needles = Vec::new();
        for word in secret.chunks_exact(8) {
            let hex = in_hex(word);
            let decimal: Vec<String> = word.iter().map(ToString::to_string).collect();
            needles.push(word.to_vec());
            needles.push(hex.to_uppercase().into_bytes());
            needles.push(hex.into_bytes());
            needles.push(decimal.join(", ").into_bytes());
            needles.push(decimal.join(",").into_bytes());
        }
        // Base64 works on groups of three bytes, which a text before the secret may shift.
        for shift in 0..3 {
            let whole = secret.get(shift..).unwrap();
            let groups = whole.chunks_exact(12);
            for engine in [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD] {
                needles.extend(
                    groups
                        .clone()
                        .map(|group| engine.encode(group).into_bytes()),
                );
            }
        }
        let name = name.to_owned();
        Self { name, needles }
    }

    /// Makes sure that the secret is not in `haystack`, which is called `place`.
    pub fn assert_absent(&self, place: &str, haystack: &[u8]) {
        assert!(!self.is_in(haystack), "{} is in {place}", self.name);
    }

    /// Whether the secret is in `haystack`, in any form.
    pub fn is_in(&self, haystack: &[u8]) -> bool {
        let is_in = |needle: &Vec<u8>| {
            let mut windows = haystack.windows(needle.len());
            windows.any(|window| window == needle)
        };
        self.needles.iter().any(is_in)
    }
}

fn in_hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// The private half of a key of the software provider, computed without the custodian.
pub fn software_private_key(seed: &[u8], scope: &str, key_id: &str) -> Vec<u8> {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let info = format!("{scope}|{key_id}");
    let extracted = Salt::new(HKDF_SHA512, &[]).extract(seed);
    let info = [info.as_bytes()];
    let expanded = extracted.expand(&info, Length).unwrap();
    let mut private_key = vec![0; 32];
    expanded.fill(&mut private_key).unwrap();
    private_key
}

/// The public half, in base64, of a private key.
pub fn public_half(private_key: &[u8]) -> String {
    let pair = Ed25519KeyPair::from_seed_unchecked(private_key).unwrap();
    STANDARD.encode(pair.public_key())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form_and_nowhere_else() {
        let secret: Vec<u8> = (0..32).map(|number| 0xa1 ^ (number * 7)).collect();
        let canary = Canary::new("the secret", &secret);
        let hex = in_hex(&secret);
        let shifted = [b"x".as_slice(), &secret].concat();
        for form in [
            secret.clone(),
            hex.clone().into_bytes(),
            hex.to_uppercase().into_bytes(),
            format!("{secret:?}").into_bytes(),
            serde_json::to_vec(&secret).unwrap(),
            STANDARD.encode(&secret).into_bytes(),
            URL_SAFE_NO_PAD.encode(&secret).into_bytes(),
            STANDARD.encode(&shifted).into_bytes(),
            secret[8..16].to_vec(),
        ] {
            let haystack = [b"{\"message\":\"".as_slice(), &form, b"\"}"].concat();
            assert!(
                canary.is_in(&haystack),
                "{:?}",
                String::from_utf8_lossy(&form)
            );
        }
        assert!(!canary.is_in(b"{\"message\":\"key generated\"}"));
    }
}
