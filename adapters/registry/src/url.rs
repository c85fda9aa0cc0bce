//! Where the registry is kept.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use signer_domain::{PathProblem, check_path};

const SCHEME: &str = "sqlite:";

/// Where the registry is kept: `sqlite:<path>`, as `--registry` takes it.
///
/// The path is taken as it stands: no percent-encoding, no query, no authority. A relative path
/// starts at the working directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryUrl(String);

impl RegistryUrl {
    /// Reads `sqlite:<path>`.
    ///
    /// # Errors
    /// When `text` has another scheme, no path, or one of the forms that other programs give a
    /// special meaning: `sqlite://..`, `sqlite::memory:`, a query.
    pub fn parse(text: &str) -> Result<Self, ParseRegistryUrlError> {
        let path = text
            .strip_prefix(SCHEME)
            .ok_or(ParseRegistryUrlError::Form)?;
        let is_special = path.starts_with("//") || path.starts_with(':');
        if path.is_empty() || is_special || path.contains(['?', '#', '\0']) {
            return Err(ParseRegistryUrlError::Form);
        }
        check_path(path)?;
        Ok(Self(path.to_owned()))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for RegistryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl FromStr for RegistryUrl {
    type Err = ParseRegistryUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// The text does not say where the registry is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParseRegistryUrlError {
    /// It has another scheme, no path, or a form with a special meaning elsewhere.
    #[error(
        "--registry must be \"sqlite:<path>\", as in \"sqlite:/var/lib/plexsphere-signer/registry.db\", without \"//\", '?' or '#'"
    )]
    Form,
    /// The path is none that anybody means.
    #[error("--registry: what stands behind \"sqlite:\" {0}")]
    Path(#[from] PathProblem),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_a_file() {
        for (text, path) in [
            ("sqlite:/var/lib/x/registry.db", "/var/lib/x/registry.db"),
            (
                "sqlite:./.plexsphere-signer/registry.db",
                "./.plexsphere-signer/registry.db",
            ),
            ("sqlite:a b%20c.db", "a b%20c.db"),
        ] {
            let url = RegistryUrl::parse(text).unwrap();
            assert_eq!(url.path(), Path::new(path));
            assert_eq!(url.to_string(), text);
        }
    }

    #[test]
    fn refuses_what_means_something_else_elsewhere() {
        for text in [
            "",
            "/var/lib/x/registry.db",
            "sqlite:",
            "SQLite:/x.db",
            "sqlite::memory:",
            "sqlite://x.db",
            "sqlite:///var/lib/x.db",
            "sqlite:/x.db?mode=ro",
            "sqlite:/x.db#1",
            "sqlite:/x\0.db",
            "postgres://localhost/x",
        ] {
            assert_eq!(
                RegistryUrl::parse(text),
                Err(ParseRegistryUrlError::Form),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_words_and_text_that_nobody_means_as_a_path() {
        for path in [
            "-", "none", "None", "off", "true", "a\n", "a\tb", "a ", " a",
        ] {
            let refusal = RegistryUrl::parse(&format!("sqlite:{path}")).unwrap_err();
            let sentence = refusal.to_string();
            let opening = "--registry: what stands behind \"sqlite:\" must ";
            assert!(sentence.starts_with(opening), "{sentence}");
        }
        RegistryUrl::parse("sqlite:./none").unwrap();
    }
}
