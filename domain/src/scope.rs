//! What a key signs for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

const DOMAIN_PREFIX: &str = "domain:";

/// What a key signs for: the whole platform, or one domain of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// The platform as a whole, written `platform`.
    Platform,
    /// One domain, written `domain:<uuid>` with the UUID in lower case and hyphenated (RFC 9562).
    Domain(Uuid),
}

impl Scope {
    /// Reads `platform` or `domain:<uuid>`.
    ///
    /// # Errors
    /// When `text` is anything else, including a UUID in upper case, in braces or without hyphens:
    /// a scope has exactly one spelling, because key derivation uses it byte for byte.
    pub fn parse(text: &str) -> Result<Self, ParseScopeError> {
        if text == "platform" {
            return Ok(Self::Platform);
        }
        let name = text.strip_prefix(DOMAIN_PREFIX).ok_or(ParseScopeError)?;
        let uuid = Uuid::try_parse(name).map_err(|_unspecific| ParseScopeError)?;
        let mut canonical = Uuid::encode_buffer();
        if uuid.hyphenated().encode_lower(&mut canonical) != name {
            return Err(ParseScopeError);
        }
        Ok(Self::Domain(uuid))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Domain(uuid) => write!(f, "{DOMAIN_PREFIX}{}", uuid.hyphenated()),
        }
    }
}

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Scope {
    type Error = ParseScopeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

/// The text is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be \"platform\" or \"domain:<uuid>\" with the UUID in lower case and hyphenated")]
pub struct ParseScopeError;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_every_other_spelling_of_a_domain() {
        for text in [
            "",
            "Platform",
            "platform ",
            "domain:",
            "domain:6F9619FF-8B86-D011-B42D-00CF4FC964FF",
            "domain:{6f9619ff-8b86-d011-b42d-00cf4fc964ff}",
            "domain:6f9619ff8b86d011b42d00cf4fc964ff",
            "domain:urn:uuid:6f9619ff-8b86-d011-b42d-00cf4fc964ff",
            "domain:6f9619ff-8b86-d011-b42d-00cf4fc964ff|x",
        ] {
            assert_eq!(Scope::parse(text), Err(ParseScopeError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_domain_scope_reads_back_from_its_text(bytes: [u8; 16]) {
            let scope = Scope::Domain(Uuid::from_bytes(bytes));
            prop_assert_eq!(Scope::parse(&scope.to_string()), Ok(scope));
        }

        #[test]
        fn what_parses_is_written_back_unchanged(text in "(platform|domain:[0-9a-fA-F-]{30,40}|.{0,50})") {
            if let Ok(scope) = Scope::parse(&text) {
                prop_assert_eq!(scope.to_string(), text);
            }
        }
    }
}
