//! Rotations: opening, showing and closing them.

use serde::{Deserialize, Deserializer, Serialize};
use signer_domain::ports::{CloseRotation, OpenRotation};
use signer_domain::{
    HandleId, KeyId, KnownProviders, ProviderName, RotationTransition, Scope, Timestamp,
};
use utoipa::ToSchema;

use super::fields::{Body, optional, read_texts, required};
use super::{rfc3339, texts};

/// A request to put a new key in the place of a scope's current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenRotationRequest {
    /// The operator's name of the new key.
    #[schema(value_type = texts::KeyId)]
    pub new_key_id: KeyId,
    /// Which provider shall hold the new key; the first configured one when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = texts::ProviderName, required = false)]
    pub provider: Option<ProviderName>,
}

impl OpenRotationRequest {
    /// What is asked of `scope`.
    pub(crate) fn of(self, scope: Scope) -> OpenRotation {
        let Self {
            new_key_id,
            provider,
        } = self;
        OpenRotation {
            scope,
            new_key_id,
            provider,
        }
    }
}

impl<'de> Body<'de> for OpenRotationRequest {
    fn read<D: Deserializer<'de>>(
        deserializer: D,
        known: &KnownProviders,
    ) -> Result<Self, D::Error> {
        let [new_key_id, provider] = read_texts(deserializer, ["new_key_id", "provider"])?;
        Ok(Self {
            new_key_id: required("new_key_id", new_key_id, KeyId::parse)?,
            provider: optional("provider", provider, |text| known.parse_name(text))?,
        })
    }
}

/// A request to retire the old key of a rotation. Both keys are named, so that nobody closes another
/// one by mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseRotationRequest {
    /// The name of the key that is to be retired.
    #[schema(value_type = texts::KeyId)]
    pub old_key_id: KeyId,
    /// The name of the key that stays.
    #[schema(value_type = texts::KeyId)]
    pub new_key_id: KeyId,
}

impl CloseRotationRequest {
    /// What is asked of `scope`.
    pub(crate) fn of(self, scope: Scope) -> CloseRotation {
        let Self {
            old_key_id,
            new_key_id,
        } = self;
        CloseRotation {
            scope,
            old_key_id,
            new_key_id,
        }
    }
}

impl<'de> Body<'de> for CloseRotationRequest {
    fn read<D: Deserializer<'de>>(
        deserializer: D,
        _known: &KnownProviders,
    ) -> Result<Self, D::Error> {
        let [old_key_id, new_key_id] = read_texts(deserializer, ["old_key_id", "new_key_id"])?;
        Ok(Self {
            old_key_id: required("old_key_id", old_key_id, KeyId::parse)?,
            new_key_id: required("new_key_id", new_key_id, KeyId::parse)?,
        })
    }
}

/// The change of a scope from one current key to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = RotationTransition)]
pub struct RotationDocument {
    /// The scope whose current key changes.
    #[schema(value_type = texts::Scope)]
    pub scope: Scope,
    /// The name of the key that was the current one.
    #[schema(value_type = texts::KeyId)]
    pub old_key_id: KeyId,
    /// The name of the key that took its place.
    #[schema(value_type = texts::KeyId)]
    pub new_key_id: KeyId,
    /// The handle of the key that was the current one.
    #[schema(value_type = texts::HandleId)]
    pub old_handle_id: HandleId,
    /// The handle of the key that took its place.
    #[schema(value_type = texts::HandleId)]
    pub new_handle_id: HandleId,
    /// When the new key took over.
    #[serde(with = "rfc3339")]
    #[schema(value_type = texts::Time)]
    pub opened_at: Timestamp,
    /// When the rotation is due to be closed.
    #[serde(with = "rfc3339")]
    #[schema(value_type = texts::Time)]
    pub closes_at: Timestamp,
    /// When it was closed; null while it is open.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<texts::Time>, required = true)]
    pub closed_at: Option<Timestamp>,
}

impl From<RotationTransition> for RotationDocument {
    fn from(transition: RotationTransition) -> Self {
        let RotationTransition {
            scope,
            old_key_id,
            new_key_id,
            old_handle_id,
            new_handle_id,
            opened_at,
            closes_at,
            closed_at,
        } = transition;
        Self {
            scope,
            old_key_id,
            new_key_id,
            old_handle_id,
            new_handle_id,
            opened_at,
            closes_at,
            closed_at,
        }
    }
}
