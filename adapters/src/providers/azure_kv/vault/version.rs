//! What the vault shows of a version of a key.

use azure_core::time::OffsetDateTime;
use azure_security_keyvault_keys::models::{Key, KeyAttributes};

use signer_domain::PublicKey;
use signer_domain::ports::KeyProviderError;

use super::super::error::unexpected;
use super::super::handle::KeyVersion;
use super::super::tags::Tags;

/// A version of a vault key, as the vault shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::providers::azure_kv) struct Version {
    pub(in crate::providers::azure_kv) id: KeyVersion,
    /// In seconds since 1970.
    pub(in crate::providers::azure_kv) created: i64,
    pub(in crate::providers::azure_kv) enabled: bool,
    pub(in crate::providers::azure_kv) tags: Tags,
    /// The public half, where the vault key itself is an Ed25519 key and the whole of it was asked for.
    pub(in crate::providers::azure_kv) public_key: Option<PublicKey>,
}

impl Version {
    pub(super) fn of(key: Key, name: &str) -> Result<Self, KeyProviderError> {
        let shown = key.key.unwrap_or_default();
        // A point of another curve may be as long.
        let is_ours = shown.crv.is_some_and(|curve| curve.as_ref() == "Ed25519");
        let point = shown.x.filter(|_| is_ours);
        let public_key = point.and_then(|point| PublicKey::from_slice(&point).ok());
        Self::read(shown.kid, name, key.attributes, key.tags, public_key)
    }

    pub(super) fn read(
        identifier: Option<String>,
        name: &str,
        attributes: Option<KeyAttributes>,
        tags: Option<Tags>,
        public_key: Option<PublicKey>,
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
            public_key,
        })
    }
}
