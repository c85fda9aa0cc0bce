//! What a vault key says of itself in its tags.
//!
//! A vault keeps up to 15 tags beside a version of a key, of up to 256 characters each. An encrypted
//! private key is longer, so it is kept in parts.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use signer_domain::{KeyId, PublicKey, Scope};

const SCOPE: &str = "plexsphere-scope";
const KEY_ID: &str = "plexsphere-key-id";
const PUBLIC_KEY: &str = "plexsphere-public-key";
const SEALED: &str = "plexsphere-sealed-key";
const INSTEAD_OF: &str = "plexsphere-instead-of";

/// The most versions that one is made instead of: as many as fit into a tag.
const MOST_REPLACED: usize = 7;

/// The characters of one part.
const PART: usize = 200;
/// The most parts: enough for a wrapping key of 4096 bits.
const MOST_PARTS: usize = 4;

pub(super) type Tags = HashMap<String, String>;

/// A private key, encrypted by the vault key that it lies beside, and its public half.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SealedKey {
    pub(super) ciphertext: Vec<u8>,
    pub(super) public_key: PublicKey,
}

/// What tells an operator which key this is.
pub(super) fn names(scope: &Scope, key_id: &KeyId) -> Tags {
    Tags::from([
        (SCOPE.to_owned(), scope.to_string()),
        (KEY_ID.to_owned(), key_id.to_string()),
    ])
}

/// Adds to the versions that the version with these tags is there instead of. What is told of another
/// version is told here: a tag of its own would be lost when its maker tags it late.
pub(super) fn instead_of<'a>(mut tags: Tags, versions: impl IntoIterator<Item = &'a str>) -> Tags {
    let known = tags.remove(INSTEAD_OF).unwrap_or_default();
    let mut all: Vec<&str> = known.split_whitespace().collect();
    for version in versions {
        if all.len() < MOST_REPLACED && !all.contains(&version) {
            all.push(version);
        }
    }
    if !all.is_empty() {
        let all = all.join(" ");
        tags.insert(INSTEAD_OF.to_owned(), all);
    }
    tags
}

/// Whether the version with these tags is there instead of `version`.
pub(super) fn is_instead_of(tags: &Tags, version: &str) -> bool {
    tags.get(INSTEAD_OF)
        .is_some_and(|all| all.split_whitespace().any(|it| it == version))
}

impl SealedKey {
    /// Reads the key; `None` when it is not whole.
    pub(super) fn in_tags(tags: &Tags) -> Option<Self> {
        let public_key = PublicKey::from_base64(tags.get(PUBLIC_KEY)?).ok()?;
        let mut text = String::new();
        for part in (1..=MOST_PARTS).map_while(|number| tags.get(&part(number))) {
            text.push_str(part);
        }
        let ciphertext = URL_SAFE_NO_PAD.decode(text).ok()?;
        (!ciphertext.is_empty()).then_some(Self {
            ciphertext,
            public_key,
        })
    }

    /// Adds the key to `tags`; `None` when it does not fit.
    pub(super) fn join(&self, mut tags: Tags) -> Option<Tags> {
        let mut rest = URL_SAFE_NO_PAD.encode(&self.ciphertext);
        for number in 1..=MOST_PARTS {
            let behind = rest.split_off(rest.len().min(PART));
            tags.insert(part(number), rest);
            rest = behind;
            if rest.is_empty() {
                tags.insert(PUBLIC_KEY.to_owned(), self.public_key.to_base64());
                return Some(tags);
            }
        }
        None
    }
}

fn part(number: usize) -> String {
    format!("{SEALED}-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(length: usize) -> SealedKey {
        SealedKey {
            ciphertext: (0..=u8::MAX).cycle().take(length).collect(),
            public_key: PublicKey::from_bytes([7; 32]),
        }
    }

    #[test]
    fn a_key_of_any_size_fits_into_the_tags_of_a_vault_and_reads_back() {
        let domain = Scope::parse("domain:6f9619ff-8b86-d011-b42d-00cf4fc964ff").unwrap();
        let key_id = KeyId::parse(&"k".repeat(64)).unwrap();
        for bits in [2048, 3072, 4096] {
            let sealed = sealed(bits / 8);
            let others: Vec<String> = (0..9).map(|number| format!("{number:032x}")).collect();
            let names = instead_of(names(&domain, &key_id), others.iter().map(String::as_str));
            let tags = sealed.join(names).unwrap();
            assert!(tags.len() <= 15, "{}", tags.len());
            for (name, value) in &tags {
                assert!(name.len() <= 256 && value.len() <= 256, "{name}: {value}");
            }
            assert_eq!(SealedKey::in_tags(&tags), Some(sealed));
        }
        assert_eq!(sealed(1000).join(Tags::new()), None);
    }

    #[test]
    fn a_version_tells_which_ones_it_is_there_instead_of() {
        let tags = instead_of(Tags::new(), ["01"]);
        let tags = instead_of(tags, ["02", "01"]);
        assert_eq!(tags[INSTEAD_OF], "01 02");
        assert!(is_instead_of(&tags, "01") && is_instead_of(&tags, "02"));
        assert!(!is_instead_of(&tags, "0") && !is_instead_of(&Tags::new(), "01"));
        assert_eq!(instead_of(Tags::new(), []), Tags::new());
    }

    #[test]
    fn a_key_that_is_not_whole_is_none() {
        let whole = sealed(256).join(Tags::new()).unwrap();
        for name in [PUBLIC_KEY.to_owned(), part(1)] {
            let mut tags = whole.clone();
            tags.remove(&name);
            assert_eq!(SealedKey::in_tags(&tags), None, "without {name}");
        }
        let mut tags = whole;
        tags.insert(part(1), "not base64!".to_owned());
        assert_eq!(SealedKey::in_tags(&tags), None);
        assert_eq!(SealedKey::in_tags(&Tags::new()), None);
    }
}
