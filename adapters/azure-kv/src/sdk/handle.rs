//! The name and version of a vault key, and the handle that carries them.

use std::fmt;

use signer_domain::HandleId;
use signer_domain::ports::KeyProviderError;

use crate::face::FACE;

/// How many hexadecimal characters follow `k-` in the name of a key of ours.
const NAME_DIGITS: usize = 40;
/// How many hexadecimal characters a version has.
const VERSION_DIGITS: usize = 32;

/// One version of a vault key of ours: `k-<40 hex>/<32 hex>`. The vault does not tell upper from lower
/// case in names; this form knows lower case only, so that one key has one handle.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct KeyVersion {
    name: String,
    version: String,
}

impl KeyVersion {
    /// The version that a handle of this provider names; `None` for every other handle.
    pub(super) fn in_handle(handle: &HandleId) -> Option<Self> {
        if handle.provider() != FACE.name {
            return None;
        }
        let (name, version) = handle.rest().split_once('/')?;
        let digits = name.strip_prefix("k-")?;
        if is_hex(digits, NAME_DIGITS) && is_hex(version, VERSION_DIGITS) {
            Some(Self::of(name, version))
        } else {
            None
        }
    }

    /// The version that the vault shows under this identifier, if it is one of the key called `name`:
    /// `https://<vault>/keys/<name>/<version>`.
    pub(super) fn in_identifier(identifier: &str, name: &str) -> Option<Self> {
        let (rest, version) = identifier.rsplit_once('/')?;
        let (rest, shown) = rest.rsplit_once('/')?;
        let version = version.to_ascii_lowercase();
        let is_ours = rest.ends_with("/keys") && shown.eq_ignore_ascii_case(name);
        (is_ours && is_hex(&version, VERSION_DIGITS)).then(|| Self::of(name, &version))
    }

    pub(super) fn of(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn handle(&self) -> Result<HandleId, KeyProviderError> {
        HandleId::from_parts(FACE.name, self).map_err(|cause| KeyProviderError::Misconfigured {
            context: "naming a key pair",
            source: Some(Box::new(cause)),
        })
    }
}

impl fmt::Display for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == length && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "k-8819af2a8b51f9ccd84eb18177f035b924084f2a";
    const VERSION: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_handle_reads_back_as_the_version_it_was_made_of() {
        let version = KeyVersion::of(NAME, VERSION);
        let handle = version.handle().unwrap();
        assert_eq!(handle.as_str(), format!("azure-kv:{NAME}/{VERSION}"));
        assert_eq!(KeyVersion::in_handle(&handle), Some(version));
    }

    #[test]
    fn a_handle_that_the_vault_would_read_otherwise_names_nothing() {
        for text in [
            format!("azure-kv:{NAME}"),
            format!("azure-kv:{NAME}/"),
            format!("azure-kv:{NAME}/{VERSION}/sign"),
            format!("azure-kv:{}/{VERSION}", NAME.to_uppercase()),
            format!("azure-kv:{NAME}/{}", VERSION.to_uppercase()),
            format!("azure-kv:other-key/{VERSION}"),
            format!("azure-kv:k-8819/{VERSION}"),
            format!("azure-kv:{NAME}/.."),
            format!("aws-kms:{NAME}/{VERSION}"),
        ] {
            let handle = HandleId::parse(&text).unwrap();
            assert_eq!(KeyVersion::in_handle(&handle), None, "{text}");
        }
    }

    #[test]
    fn an_identifier_is_read_only_if_it_is_of_the_key_that_was_asked_for() {
        let version = Some(KeyVersion::of(NAME, VERSION));
        let read = |identifier: &str| KeyVersion::in_identifier(identifier, NAME);
        let vault = "https://v.vault.azure.net";
        assert_eq!(read(&format!("{vault}/keys/{NAME}/{VERSION}")), version);
        let shouted = format!("{vault}/keys/{}/{VERSION}", NAME.to_uppercase());
        assert_eq!(read(&shouted), version);
        for other in [
            format!("{vault}/keys/k-other/{VERSION}"),
            format!("{vault}/keys/{NAME}"),
            format!("{vault}/secrets/{NAME}/{VERSION}"),
            VERSION.to_owned(),
        ] {
            assert_eq!(read(&other), None, "{other}");
        }
    }
}
