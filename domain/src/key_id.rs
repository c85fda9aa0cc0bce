//! The operator's name of a key.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The operator's name of a key inside its scope: 1 to 64 characters, each an ASCII letter, a digit
/// or one of `.`, `_`, `~`, `-`, the first a letter or a digit. It needs no escaping in a URL
/// (RFC 3986 §2.3, unreserved characters).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// The longest permitted name, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Reads a key id.
    ///
    /// # Errors
    /// When `text` is not of the form given at [`KeyId`].
    pub fn parse(text: &str) -> Result<Self, ParseKeyIdError> {
        let opens_well = text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        let fits = text.len() <= Self::MAX_LEN;
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        if opens_well && fits && text.bytes().all(is_unreserved) {
            Ok(Self(text.into()))
        } else {
            Err(ParseKeyIdError)
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for KeyId {
    type Err = ParseKeyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for KeyId {
    type Error = ParseKeyIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<KeyId> for String {
    fn from(key_id: KeyId) -> Self {
        key_id.as_str().to_owned()
    }
}

/// The text is not a key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_', '~' and '-', and begin with a letter or a digit"
)]
pub struct ParseKeyIdError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_separators_traversal_and_look_alikes() {
        for text in [
            "",
            ".",
            "..",
            "-k",
            "~k",
            "a/b",
            "a|b",
            "a:b",
            "a b",
            "k\0",
            "k\u{430}",
            "\u{212a}1",
        ] {
            assert_eq!(KeyId::parse(text), Err(ParseKeyIdError), "{text:?}");
        }
    }

    #[test]
    fn is_at_most_64_bytes_long() {
        KeyId::parse(&"k".repeat(64)).unwrap();
        KeyId::parse(&"k".repeat(65)).unwrap_err();
    }

    proptest! {
        #[test]
        fn every_name_of_the_grammar_reads_back(text in "[A-Za-z0-9][A-Za-z0-9._~-]{0,63}") {
            let key_id = KeyId::parse(&text)?;
            prop_assert_eq!(key_id.as_str(), &text);
            let json = serde_json::to_string(&key_id)?;
            prop_assert_eq!(serde_json::from_str::<KeyId>(&json)?, key_id);
        }

        #[test]
        fn what_parses_needs_no_escaping_in_a_url(text in ".{0,70}") {
            if let Ok(key_id) = KeyId::parse(&text) {
                prop_assert!(key_id.as_str().is_ascii());
                prop_assert!(!key_id.as_str().contains(['/', '%', '|', ':', '?', '#']));
            }
        }
    }
}
