//! The service that access tokens are for.

use std::str::FromStr;

use azure_core::http::Url;

/// The service that tokens are asked for, as Entra ID knows it: `https://vault.azure.net`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenResource(String);

impl TokenResource {
    /// The one scope that tokens may be asked for.
    pub(super) fn scope(&self) -> String {
        format!("{}/.default", self.0)
    }
}

impl FromStr for TokenResource {
    type Err = ParseTokenResourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let resource = text.strip_suffix('/').unwrap_or(text);
        match bare_https(resource) {
            Some(_) => Ok(Self(resource.to_owned())),
            None => Err(ParseTokenResourceError),
        }
    }
}

/// The text is no name of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the https address of a service and nothing more, such as https://vault.azure.net")]
pub struct ParseTokenResourceError;

/// An address of https with a host and perhaps a port, and nothing else.
pub(super) fn bare_https(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none();
    (url.scheme() == "https" && url.host_str().is_some() && is_bare).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_resource_gives_one_scope() {
        for text in ["https://vault.azure.net", "https://vault.azure.net/"] {
            let resource: TokenResource = text.parse().unwrap();
            assert_eq!(resource.scope(), "https://vault.azure.net/.default");
        }
        "vault.azure.net".parse::<TokenResource>().unwrap_err();
        "https://a.b/c".parse::<TokenResource>().unwrap_err();
    }
}
