//! What the vault shows of a version of a key.

use azure_core::time::OffsetDateTime;
use azure_security_keyvault_keys::models::{JsonWebKey, Key, KeyAttributes, KeyType};

use signer_domain::PublicKey;
use signer_domain::ports::KeyProviderError;

use super::super::error::unexpected;
use super::super::handle::KeyVersion;
use super::super::settings::WrappingKeyHome;
use super::super::tags::Tags;

/// A version of a vault key, as the vault shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) id: KeyVersion,
    /// In seconds since 1970.
    pub(crate) created: i64,
    pub(crate) enabled: bool,
    pub(crate) tags: Tags,
    /// The public half, where the vault key itself is an Ed25519 key and the whole of it was asked for.
    pub(crate) public_key: Option<PublicKey>,
    /// How the vault key keeps others secret, where it is an RSA key and the whole of it was asked for.
    pub(crate) wrapping: Option<Wrapping>,
}

/// What decides how well a vault key keeps others secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrapping {
    pub(crate) home: WrappingKeyHome,
    /// Whether it does nothing but encrypt and decrypt keys, for those who may have that done.
    pub(crate) does_nothing_else: bool,
    pub(crate) is_exportable: bool,
}

impl Wrapping {
    fn of(key: &JsonWebKey, attributes: Option<&KeyAttributes>) -> Option<Self> {
        let home = match key.kty.as_ref()? {
            KeyType::RsaHsm => WrappingKeyHome::Hardware,
            KeyType::Rsa => WrappingKeyHome::Software,
            _ => return None,
        };
        let is_of_ours = |operation: &String| {
            let ours = ["wrapKey", "unwrapKey"];
            ours.iter().any(|our| our.eq_ignore_ascii_case(operation))
        };
        Some(Self {
            home,
            does_nothing_else: key.key_ops.iter().flatten().all(is_of_ours),
            is_exportable: attributes.and_then(|it| it.exportable).unwrap_or_default(),
        })
    }
}

impl Version {
    pub(super) fn of(key: Key, name: &str) -> Result<Self, KeyProviderError> {
        let shown = key.key.unwrap_or_default();
        let wrapping = Wrapping::of(&shown, key.attributes.as_ref());
        // A point of another curve may be as long.
        let is_ours = shown.crv.is_some_and(|curve| curve.as_ref() == "Ed25519");
        let point = shown.x.filter(|_| is_ours);
        let public_key = point.and_then(|point| PublicKey::from_slice(&point).ok());
        let version = Self::read(shown.kid, name, key.attributes, key.tags)?;
        Ok(Self {
            public_key,
            wrapping,
            ..version
        })
    }

    /// A version as a list shows it.
    pub(super) fn read(
        identifier: Option<String>,
        name: &str,
        attributes: Option<KeyAttributes>,
        tags: Option<Tags>,
    ) -> Result<Self, KeyProviderError> {
        let id = identifier.and_then(|identifier| KeyVersion::in_identifier(&identifier, name));
        let id = id.ok_or_else(|| unexpected("a key shows itself under another name"))?;
        let attributes = attributes.unwrap_or_default();
        let created = attributes.created.map(OffsetDateTime::unix_timestamp);
        Ok(Self {
            id,
            created: created.ok_or_else(|| unexpected("a key does not tell when it was made"))?,
            enabled: attributes.enabled.unwrap_or(true),
            tags: tags.unwrap_or_default(),
            public_key: None,
            wrapping: None,
        })
    }
}
