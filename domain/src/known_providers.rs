//! Which providers a program knows.

use std::fmt;
use std::sync::Arc;

use crate::{HandleId, ParseHandleIdError, ProviderName};

/// The providers that a program knows by name, in the order in which it tells them, whether or not it holds
/// them. What an operator or a caller names is judged here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownProviders(Arc<[ProviderName]>);

impl KnownProviders {
    /// The names, in their order.
    pub fn names(&self) -> &[ProviderName] {
        &self.0
    }

    /// Reads the name of a known provider.
    ///
    /// # Errors
    /// When `text` is none of them, byte for byte.
    pub fn parse_name(&self, text: &str) -> Result<ProviderName, UnknownProvider> {
        let name = self.0.iter().find(|name| name.as_str() == text);
        name.copied().ok_or_else(|| UnknownProvider(self.clone()))
    }

    /// Reads a handle of a known provider.
    ///
    /// # Errors
    /// When `text` is not a handle, or one of a provider that is not known.
    pub fn parse_handle(&self, text: &str) -> Result<HandleId, ParseHandleIdError> {
        let handle = HandleId::parse(text)?;
        let is_known = self.0.contains(&handle.provider());
        is_known.then_some(handle).ok_or(ParseHandleIdError)
    }
}

impl FromIterator<ProviderName> for KnownProviders {
    fn from_iter<T: IntoIterator<Item = ProviderName>>(names: T) -> Self {
        Self(names.into_iter().collect())
    }
}

/// The text is not the name of a provider that the program knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct UnknownProvider(KnownProviders);

impl fmt::Display for UnknownProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("must be one of ")?;
        for (place, name) in self.0.names().iter().enumerate() {
            let comma = if place > 0 { ", " } else { "" };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOFTWARE: ProviderName = ProviderName::new("software");
    const TOKEN: ProviderName = ProviderName::new("pkcs11");

    #[test]
    fn a_provider_that_is_not_known_is_refused_with_those_that_are() {
        let known = KnownProviders::from_iter([SOFTWARE, TOKEN]);
        assert_eq!(known.parse_name("pkcs11"), Ok(TOKEN));
        for text in ["vault", "Software", "software ", "soft", ""] {
            let refused = known.parse_name(text).unwrap_err();
            assert_eq!(refused.to_string(), "must be one of software, pkcs11");
        }
    }

    #[test]
    fn a_handle_of_a_provider_that_is_not_known_is_refused() {
        let known = KnownProviders::from_iter([SOFTWARE, TOKEN]);
        assert_eq!(known.parse_handle("pkcs11:x").unwrap().provider(), TOKEN);
        for text in ["vault:x", "pkcs11:", "pkcs:x"] {
            assert_eq!(known.parse_handle(text), Err(ParseHandleIdError), "{text}");
        }
    }
}
