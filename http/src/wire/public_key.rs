//! Public keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use signer_domain::ports::{PublicKeySource, PublishedKey};
use signer_domain::{HandleId, KeyState, PublicKey};
use utoipa::ToSchema;

use super::texts;

/// The public half of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicKeyDocument {
    /// The key.
    #[schema(value_type = texts::HandleId)]
    pub handle_id: HandleId,
    /// Its public half.
    #[schema(value_type = texts::PublicKey)]
    pub public_key: PublicKey,
    /// Where the key stands in its life.
    #[schema(value_type = texts::KeyState)]
    pub state: KeyState,
    /// Whether the provider could not be asked and this is the registry's copy.
    pub cached: bool,
}

impl From<PublishedKey> for PublicKeyDocument {
    fn from(published: PublishedKey) -> Self {
        Self {
            handle_id: published.key.handle_id,
            public_key: published.public_key,
            state: published.key.state,
            cached: match published.source {
                PublicKeySource::Provider => false,
                PublicKeySource::Registry => true,
            },
        }
    }
}

/// The public half of a key as a JSON Web Key (RFC 8037 §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Jwk {
    /// The key type, always `OKP`.
    #[schema(value_type = texts::JwkKeyType)]
    pub kty: String,
    /// The curve, always `Ed25519`.
    #[schema(value_type = texts::JwkCurve)]
    pub crv: String,
    /// The public key in base64url without padding.
    #[schema(value_type = texts::JwkPublicKey)]
    pub x: String,
    /// The key's handle.
    #[schema(value_type = texts::HandleId)]
    pub kid: HandleId,
}

impl Jwk {
    /// The JSON Web Key of `public_key`, known as `handle_id`.
    pub fn new(handle_id: HandleId, public_key: &PublicKey) -> Self {
        Self {
            kty: "OKP".to_owned(),
            crv: "Ed25519".to_owned(),
            x: URL_SAFE_NO_PAD.encode(public_key.as_bytes()),
            kid: handle_id,
        }
    }
}

/// The public halves of the keys of a scope (RFC 7517 §5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = JwkSet)]
pub struct JwkSetDocument {
    /// The keys, in the order in which they became active.
    pub keys: Vec<Jwk>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jwk_is_the_example_of_rfc_8037() {
        let key = PublicKey::from_base64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=").unwrap();
        let handle = HandleId::parse("software:platform|k1").unwrap();
        assert_eq!(
            serde_json::to_string(&Jwk::new(handle, &key)).unwrap(),
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"software:platform|k1"}"#
        );
    }
}
