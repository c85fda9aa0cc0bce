//! How key pairs are named inside a token.
//!
//! The label, which is the id too, is `<prefix>:<scope>:<key_id>`. Where that is longer than a vendor
//! permits it is `<prefix>:h:<40 hex digits>`, the first 20 bytes of SHA-256 over `<scope>:<key_id>`.
//! The sentinel is `<prefix>:sentinel`; a pair that is made to be forgotten is `<prefix>:trial`.
//! No two of these forms can be mistaken for one another.

use std::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use signer_domain::ports::KeyProviderError;
use signer_domain::{HandleId, KeyId, Scope};

use crate::face::FACE;

/// How many hex digits stand for a name that is too long.
const HASH_DIGITS: usize = 40;

/// What opens the label of every object that belongs to this custodian: 1 to 64 ASCII letters,
/// digits, `.`, `_`, `~` and `-`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelPrefix(Arc<str>);

impl LabelPrefix {
    /// Reads a prefix.
    ///
    /// # Errors
    /// When `text` is not of the form given at [`LabelPrefix`].
    pub fn parse(text: &str) -> Result<Self, ParseLabelPrefixError> {
        let permitted = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(permitted) {
            Ok(Self(text.into()))
        } else {
            Err(ParseLabelPrefixError)
        }
    }
}

/// The text is not a label prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '~' and '-', such as plexsphere")]
pub struct ParseLabelPrefixError;

/// The label of one object of this custodian.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Label(Arc<str>);

impl Label {
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The handle of the key pair of this label.
    pub(super) fn handle(&self) -> Result<HandleId, KeyProviderError> {
        HandleId::from_parts(FACE.name, &self.0).map_err(|cause| KeyProviderError::Misconfigured {
            context: "naming a key pair",
            source: Some(Box::new(cause)),
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Makes and reads labels.
#[derive(Debug, Clone)]
pub(super) struct Labels {
    prefix: LabelPrefix,
    longest: usize,
}

impl Labels {
    /// Labels that open with `prefix` and are at most `longest` bytes long.
    ///
    /// # Errors
    /// When not even the hashed form fits.
    pub(super) fn new(prefix: LabelPrefix, longest: usize) -> Result<Self, LabelsTooShort> {
        let needed = prefix.0.len() + ":h:".len() + HASH_DIGITS;
        if longest < needed {
            return Err(LabelsTooShort { needed });
        }
        Ok(Self { prefix, longest })
    }

    /// The label of the key named `key_id` in `scope`.
    pub(super) fn of_key(&self, scope: &Scope, key_id: &KeyId) -> Label {
        let name = format!("{scope}:{key_id}");
        let plain = format!("{}:{name}", self.prefix.0);
        if plain.len() <= self.longest {
            return Label(plain.into());
        }
        let digest = Sha256::digest(name.as_bytes());
        let hex: Vec<String> = digest
            .iter()
            .take(HASH_DIGITS / 2)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let hex = hex.concat();
        Label(format!("{}:h:{hex}", self.prefix.0).into())
    }

    /// The label in a handle; `None` for a handle that this custodian cannot have given out.
    pub(super) fn in_handle(&self, handle: &HandleId) -> Option<Label> {
        if handle.provider() != FACE.name {
            return None;
        }
        let rest = handle.rest();
        let name = rest.strip_prefix(&*self.prefix.0)?.strip_prefix(':')?;
        let is_ours = if let Some(hash) = name.strip_prefix("h:") {
            is_hash(hash)
        } else {
            let (scope, key_id) = name.rsplit_once(':')?;
            Scope::parse(scope).is_ok() && KeyId::parse(key_id).is_ok()
        };
        is_ours.then(|| Label(rest.into()))
    }

    /// The label of the pair by which the token is known.
    pub(super) fn of_sentinel(&self) -> Label {
        Label(format!("{}:sentinel", self.prefix.0).into())
    }

    /// The label of a pair that is made to be forgotten.
    pub(super) fn of_trial(&self) -> Label {
        Label(format!("{}:trial", self.prefix.0).into())
    }

    /// The label of an object that belongs to this custodian.
    pub(super) fn read(&self, label: &[u8]) -> Option<Label> {
        let text = str::from_utf8(label).ok()?;
        self.covers(label).then(|| Label(text.into()))
    }

    /// Whether an object of this label belongs to this custodian.
    pub(super) fn covers(&self, label: &[u8]) -> bool {
        label
            .strip_prefix(self.prefix.0.as_bytes())
            .is_some_and(|rest| rest.starts_with(b":"))
    }
}

fn is_hash(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == HASH_DIGITS && text.bytes().all(is_digit)
}

/// Labels of that length cannot name a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be at least {needed}, so that the hashed form of a label fits behind the prefix")]
pub struct LabelsTooShort {
    needed: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: &str = "domain:6f9619ff-8b86-d011-b42d-00cf4fc964ff";

    fn labels(longest: usize) -> Labels {
        Labels::new(LabelPrefix::parse("plexsphere").unwrap(), longest).unwrap()
    }

    fn label(longest: usize, scope: &str, key_id: &str) -> Label {
        let (scope, key_id) = (Scope::parse(scope).unwrap(), KeyId::parse(key_id).unwrap());
        labels(longest).of_key(&scope, &key_id)
    }

    #[test]
    fn a_label_spells_out_prefix_scope_and_key_id() {
        let label = label(255, "platform", "k1");
        assert_eq!(label.to_string(), "plexsphere:platform:k1");
        let handle = label.handle().unwrap();
        assert_eq!(handle.as_str(), "pkcs11:plexsphere:platform:k1");
        assert_eq!(labels(255).in_handle(&handle), Some(label));
    }

    #[test]
    fn a_label_that_is_too_long_is_hashed_and_reads_back() {
        let plain = label(62, "platform", "k1");
        assert_eq!(plain.to_string(), "plexsphere:platform:k1");
        let hashed = label(62, DOMAIN, "release-2026");
        assert_eq!(
            hashed.to_string(),
            "plexsphere:h:92593878b866a5b63d8595df889fb4003b46a6df"
        );
        assert_eq!(
            labels(62).in_handle(&hashed.handle().unwrap()),
            Some(hashed)
        );
        let other = label(62, DOMAIN, "release-2027");
        assert_ne!(other, label(62, DOMAIN, "release-2026"));
    }

    #[test]
    fn the_longest_names_fit_a_handle() {
        let key_id = "k".repeat(KeyId::MAX_LEN);
        let label = label(255, DOMAIN, &key_id);
        assert_eq!(labels(255).in_handle(&label.handle().unwrap()), Some(label));
    }

    #[test]
    fn reads_no_label_from_a_handle_it_never_gave_out() {
        for text in [
            "pkcs11:plexsphere:sentinel",
            "pkcs11:plexsphere:platform",
            "pkcs11:plexsphere:platform:",
            "pkcs11:plexsphere:Platform:k1",
            "pkcs11:plexsphere:platform:-k1",
            "pkcs11:plexsphere:h:70bce6",
            "pkcs11:plexsphere:h:92593878B866A5B63D8595DF889FB4003B46A6DF",
            "pkcs11:other:platform:k1",
            "pkcs11:plexsphere2:platform:k1",
            "pkcs11:k1",
            "software:plexsphere:platform:k1",
        ] {
            let handle = HandleId::parse(text).unwrap();
            assert_eq!(labels(255).in_handle(&handle), None, "{text}");
        }
    }

    #[test]
    fn a_prefix_holds_no_separator() {
        for text in ["", "a:b", "a b", "a|b", "\u{e4}", &"p".repeat(65)] {
            assert_eq!(LabelPrefix::parse(text), Err(ParseLabelPrefixError));
        }
    }

    #[test]
    fn refuses_a_limit_that_not_even_a_hash_fits() {
        let prefix = LabelPrefix::parse("plexsphere").unwrap();
        let refusal = Labels::new(prefix, 52).unwrap_err();
        assert_eq!(refusal, LabelsTooShort { needed: 53 });
    }

    #[test]
    fn covers_what_opens_with_the_prefix_and_a_colon() {
        assert!(labels(255).covers(b"plexsphere:platform:k1"));
        assert!(labels(255).covers(b"plexsphere:"));
        assert!(!labels(255).covers(b"plexsphere"));
        assert!(!labels(255).covers(b"plexsphere2:platform:k1"));
    }
}
