//! The reference to one key pair in one provider.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::ProviderName;

/// Opaque reference to one key pair in one provider, written `<provider>:<rest>`.
///
/// `rest` belongs to the provider: 1 to 512 bytes of ASCII letters, digits and `._~:/|@+=,-`. The
/// handle is compared byte for byte and is never used as a file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HandleId {
    text: Arc<str>,
    provider: ProviderName,
}

impl HandleId {
    /// The longest permitted `rest`, in bytes.
    pub const MAX_REST_LEN: usize = 512;

    /// Reads a handle.
    ///
    /// # Errors
    /// When `text` does not open with the name of a provider and a colon, or what follows is not of
    /// the form given at [`HandleId`].
    pub fn parse(text: &str) -> Result<Self, ParseHandleIdError> {
        let (name, rest) = text.split_once(':').ok_or(ParseHandleIdError)?;
        let provider = ProviderName::parse(name).map_err(|_unspecific| ParseHandleIdError)?;
        let fits = (1..=Self::MAX_REST_LEN).contains(&rest.len());
        if fits && rest.bytes().all(is_rest_byte) {
            Ok(Self {
                text: text.into(),
                provider,
            })
        } else {
            Err(ParseHandleIdError)
        }
    }

    /// The handle of the key that `provider` calls `rest`.
    ///
    /// # Errors
    /// When `rest` is not of the form given at [`HandleId`].
    pub fn from_parts(
        provider: ProviderName,
        rest: impl fmt::Display,
    ) -> Result<Self, ParseHandleIdError> {
        Self::parse(&format!("{provider}:{rest}"))
    }

    /// The provider that holds the key.
    pub const fn provider(&self) -> ProviderName {
        self.provider
    }

    /// What follows the provider's name and the colon.
    pub fn rest(&self) -> &str {
        self.text
            .get(self.provider.as_str().len() + 1..)
            .unwrap_or_default()
    }

    /// The whole handle as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn is_rest_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._~:/|@+=,-".contains(&byte)
}

impl fmt::Display for HandleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for HandleId {
    type Err = ParseHandleIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for HandleId {
    type Error = ParseHandleIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<HandleId> for String {
    fn from(handle: HandleId) -> Self {
        handle.as_str().to_owned()
    }
}

/// The text is not a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be \"<provider>:<rest>\", as in \"software:platform|k1\", with a known provider and a rest of 1 to 512 ASCII letters, digits and \"._~:/|@+=,-\""
)]
pub struct ParseHandleIdError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn knows_its_provider_and_the_rest() {
        let handle = HandleId::parse("software:platform|k1").unwrap();
        let provider = ProviderName::new("software");
        assert_eq!(handle.provider(), provider);
        assert_eq!(handle.rest(), "platform|k1");
        assert_eq!(HandleId::from_parts(provider, "platform|k1"), Ok(handle));
    }

    #[test]
    fn refuses_what_is_no_name_of_a_provider_and_foreign_bytes() {
        for text in [
            "",
            "software",
            "software:",
            ":x",
            "a_b:x",
            "Software:platform|k1",
            "software:a b",
            "software:a%2fb",
            "software:a\0",
            "software:\u{ff5c}",
            "software:a\nb",
        ] {
            assert_eq!(HandleId::parse(text), Err(ParseHandleIdError), "{text:?}");
        }
    }

    #[test]
    fn the_rest_is_at_most_512_bytes_long() {
        HandleId::parse(&format!("pkcs11:{}", "x".repeat(512))).unwrap();
        HandleId::parse(&format!("pkcs11:{}", "x".repeat(513))).unwrap_err();
    }

    proptest! {
        #[test]
        fn every_handle_of_the_grammar_reads_back(
            provider in "[a-z][a-z0-9-]{0,15}",
            rest in r"[A-Za-z0-9._~:/|@+=,-]{1,512}",
        ) {
            let handle = HandleId::from_parts(ProviderName::parse(&provider)?, &rest)?;
            prop_assert_eq!(handle.rest(), &rest);
            prop_assert_eq!(HandleId::parse(handle.as_str())?, handle);
        }
    }
}
