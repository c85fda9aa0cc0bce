//! The names of the key providers.

use std::fmt;
use std::str::{FromStr, from_utf8};

use serde::{Deserialize, Serialize, Serializer};

/// Which kind of back end holds a private key. The name opens every [`HandleId`](crate::HandleId).
///
/// It is 1 to 16 lower-case letters, digits and hyphens, and begins with a letter. Which providers a program
/// knows is said by its [`KnownProviders`](crate::KnownProviders).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ProviderName([u8; Self::MAX_LEN]);

impl ProviderName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 16;

    /// The name `text`, for a provider that says its own.
    ///
    /// # Panics
    /// When `text` is not of the form given at [`ProviderName`]; as a constant it does not even compile.
    #[expect(clippy::panic, reason = "a provider's own name is a constant")]
    pub const fn new(text: &str) -> Self {
        match Self::read(text.as_bytes()) {
            Some(name) => name,
            None => panic!("not the name of a provider"),
        }
    }

    /// Reads a provider name.
    ///
    /// # Errors
    /// When `text` is not of the form given at [`ProviderName`].
    pub fn parse(text: &str) -> Result<Self, ParseProviderNameError> {
        Self::read(text.as_bytes()).ok_or(ParseProviderNameError)
    }

    const fn read(text: &[u8]) -> Option<Self> {
        let [first, rest @ ..] = text else {
            return None;
        };
        if !first.is_ascii_lowercase() || text.len() > Self::MAX_LEN {
            return None;
        }
        let mut rest = rest;
        while let [byte, behind @ ..] = rest {
            if !matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-') {
                return None;
            }
            rest = behind;
        }
        let mut name = [0; Self::MAX_LEN];
        name.split_at_mut(text.len()).0.copy_from_slice(text);
        Some(Self(name))
    }

    /// The name as it stands on the command line, in handles and in answers.
    pub fn as_str(&self) -> &str {
        let name = self.0.split(|byte| *byte == 0).next();
        // Only ASCII was taken in.
        from_utf8(name.unwrap_or_default()).unwrap_or_default()
    }
}

impl fmt::Debug for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProviderName").field(&self.as_str()).finish()
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ProviderName {
    type Err = ParseProviderNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for ProviderName {
    type Error = ParseProviderNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl Serialize for ProviderName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The text is not the name of a key provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 16 lower-case letters, digits and hyphens, with a letter first")]
pub struct ParseProviderNameError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_name_reads_back_as_itself(text in "[a-z][a-z0-9-]{0,15}") {
            let name = ProviderName::parse(&text)?;
            prop_assert_eq!(name.as_str(), &text);
            prop_assert_eq!(name.to_string(), text);
        }

        #[test]
        fn names_stand_in_the_order_of_their_texts(
            one in "[a-z][a-z0-9-]{0,15}",
            other in "[a-z][a-z0-9-]{0,15}",
        ) {
            let names = ProviderName::parse(&one)?.cmp(&ProviderName::parse(&other)?);
            prop_assert_eq!(names, one.cmp(&other));
        }
    }

    #[test]
    fn refuses_another_case_and_surrounding_space() {
        for text in [
            "Software",
            " software",
            "software ",
            "",
            "7",
            "-a",
            "a_b",
            "a\0",
            "sof\u{f6}ware",
            "a2345678901234567",
        ] {
            assert_eq!(ProviderName::parse(text), Err(ParseProviderNameError));
        }
    }
}
