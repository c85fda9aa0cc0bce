//! Signing one digest.

use serde::{Deserialize, Deserializer, Serialize};
use signer_domain::ports::SignedDigest;
use signer_domain::{Digest, HandleId, KeyId, KnownProviders, Scope, Signature};
use utoipa::ToSchema;

use super::fields::{Body, read_texts, required};
use super::texts;

/// A request to sign one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignRequest {
    /// The SHA-512 digest that is signed.
    #[schema(value_type = texts::Digest)]
    pub digest: Digest,
}

impl<'de> Body<'de> for SignRequest {
    fn read<D: Deserializer<'de>>(
        deserializer: D,
        _known: &KnownProviders,
    ) -> Result<Self, D::Error> {
        let [digest] = read_texts(deserializer, ["digest"])?;
        Ok(Self {
            digest: required("digest", digest, Digest::from_base64)?,
        })
    }
}

/// A signature and the key that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignDocument {
    /// The key that signed.
    #[schema(value_type = texts::HandleId)]
    pub handle_id: HandleId,
    /// What that key signs for.
    #[schema(value_type = texts::Scope)]
    pub scope: Scope,
    /// The operator's name of that key.
    #[schema(value_type = texts::KeyId)]
    pub key_id: KeyId,
    /// The pure Ed25519 signature of the 64 digest bytes.
    #[schema(value_type = texts::Signature)]
    pub signature: Signature,
}

impl From<SignedDigest> for SignDocument {
    fn from(signed: SignedDigest) -> Self {
        let SignedDigest {
            handle_id,
            scope,
            key_id,
            signature,
            hold: _,
        } = signed;
        Self {
            handle_id,
            scope,
            key_id,
            signature,
        }
    }
}
