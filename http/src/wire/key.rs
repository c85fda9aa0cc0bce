//! Keys: making, showing and listing them.

use serde::{Deserialize, Deserializer, Serialize};
use signer_domain::ports::{GenerateKey, Presence, ShownKey};
use signer_domain::{
    HandleId, KeyId, KeyState, KnownProviders, ProviderName, PublicKey, Scope, SigningKey,
    Timestamp,
};
use utoipa::ToSchema;

use super::fields::{Body, optional, read_texts, required};
use super::{rfc3339, texts};

/// A request to make a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerateRequest {
    /// What the key shall sign for.
    #[schema(value_type = texts::Scope)]
    pub scope: Scope,
    /// The operator's name of the key.
    #[schema(value_type = texts::KeyId)]
    pub key_id: KeyId,
    /// Which provider shall hold it; the first configured one when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = texts::ProviderName, required = false)]
    pub provider: Option<ProviderName>,
}

impl<'de> Body<'de> for GenerateRequest {
    fn read<D: Deserializer<'de>>(
        deserializer: D,
        known: &KnownProviders,
    ) -> Result<Self, D::Error> {
        let [scope, key_id, provider] = read_texts(deserializer, ["scope", "key_id", "provider"])?;
        Ok(Self {
            scope: required("scope", scope, Scope::parse)?,
            key_id: required("key_id", key_id, KeyId::parse)?,
            provider: optional("provider", provider, |text| known.parse_name(text))?,
        })
    }
}

/// A request that says nothing but what its path says; many clients send an object all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmptyRequest {}

impl<'de> Body<'de> for EmptyRequest {
    fn read<D: Deserializer<'de>>(
        deserializer: D,
        _known: &KnownProviders,
    ) -> Result<Self, D::Error> {
        let [] = read_texts(deserializer, [])?;
        Ok(Self {})
    }
}

impl From<GenerateRequest> for GenerateKey {
    fn from(request: GenerateRequest) -> Self {
        let GenerateRequest {
            scope,
            key_id,
            provider,
        } = request;
        Self {
            scope,
            key_id,
            provider,
        }
    }
}

/// What the custodian knows of one key. Never secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyDocument {
    /// The reference by which the key is used.
    #[schema(value_type = texts::HandleId)]
    pub handle_id: HandleId,
    /// The provider that holds the private half.
    #[schema(value_type = texts::ProviderName)]
    pub provider: ProviderName,
    /// What the key signs for.
    #[schema(value_type = texts::Scope)]
    pub scope: Scope,
    /// The operator's name of the key.
    #[schema(value_type = texts::KeyId)]
    pub key_id: KeyId,
    /// Where the key stands in its life.
    #[schema(value_type = texts::KeyState)]
    pub state: KeyState,
    /// Whether a sign that names only the scope uses this key.
    pub current: bool,
    /// The public half.
    #[schema(value_type = texts::PublicKey)]
    pub public_key: PublicKey,
    /// When the key became active.
    #[serde(with = "rfc3339")]
    #[schema(value_type = texts::Time)]
    pub valid_from: Timestamp,
    /// When the key was retired, or is due to be; null while it is active.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<texts::Time>, required = true)]
    pub valid_until: Option<Timestamp>,
    /// Whether it is blocked: it signs no more until it is unblocked, or is being retired.
    #[serde(default)]
    #[schema(required = true)]
    pub blocked: bool,
    /// Whether it is quarantined: a signature by it did not verify, and it signs no more until it is
    /// released.
    #[serde(default)]
    #[schema(required = true)]
    pub quarantined: bool,
    /// There and true when the provider answers but does not show the key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = bool, required = false)]
    pub missing: Option<bool>,
    /// There and true when the provider shows another public key in its place.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = bool, required = false)]
    pub swapped: Option<bool>,
    /// There and true when the key is retired and its provider has not confirmed that the private half
    /// is unusable.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = bool, required = false)]
    pub unconfirmed: Option<bool>,
}

impl From<ShownKey> for KeyDocument {
    fn from(shown: ShownKey) -> Self {
        Self {
            missing: (shown.presence == Presence::Missing).then_some(true),
            swapped: (shown.presence == Presence::Swapped).then_some(true),
            ..Self::from(shown.key)
        }
    }
}

impl From<SigningKey> for KeyDocument {
    fn from(key: SigningKey) -> Self {
        Self {
            provider: key.provider(),
            handle_id: key.handle_id,
            scope: key.scope,
            key_id: key.key_id,
            state: key.state,
            current: key.current,
            public_key: key.public_key,
            valid_from: key.valid_from,
            valid_until: key.valid_until,
            blocked: key.marks.blocked,
            quarantined: key.marks.quarantined,
            missing: None,
            swapped: None,
            unconfirmed: key.marks.unconfirmed.then_some(true),
        }
    }
}

/// One page of keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyListDocument {
    /// The keys, in the order in which they were made.
    pub keys: Vec<KeyDocument>,
    /// What to pass as `cursor` for the next page; null when this is the last one.
    #[schema(value_type = Option<texts::Cursor>, required = true)]
    pub next_cursor: Option<String>,
}
