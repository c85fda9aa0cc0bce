//! A key as the custodian publishes it, and an independent look at what it signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;

use crate::Response;

/// What a test needs of a key document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedKey {
    /// The handle.
    pub handle_id: String,
    /// The public key in base64, as it was published.
    pub public_key: String,
}

impl PublishedKey {
    /// Reads a key document.
    pub fn of(document: &Value) -> Self {
        let text = |name: &str| document[name].as_str().unwrap().to_owned();
        Self {
            handle_id: text("handle_id"),
            public_key: text("public_key"),
        }
    }

    /// The path of the key's calls.
    pub fn path(&self) -> String {
        path_of(&self.handle_id)
    }

    /// The path of one of its calls.
    pub fn path_to(&self, call: &str) -> String {
        format!("{}/{call}", self.path())
    }

    /// Whether `answer` is the document of this key's signature over `digest`.
    pub fn has_signed(&self, digest: &[u8; 64], answer: &Response) -> bool {
        let document = answer.json();
        document["handle_id"] == self.handle_id.as_str()
            && self.accepts(digest, document["signature"].as_str().unwrap())
    }

    /// Whether `signature`, in base64, is one by this key over `digest`. It is verified with code that
    /// the custodian does not verify with.
    pub fn accepts(&self, digest: &[u8; 64], signature: &str) -> bool {
        let public_key =
            UnparsedPublicKey::new(&ED25519, STANDARD.decode(&self.public_key).unwrap());
        let signature = STANDARD.decode(signature).unwrap();
        public_key.verify(digest, &signature).is_ok()
    }
}

/// The path of the calls of the key with this handle.
pub fn path_of(handle_id: &str) -> String {
    let segment = handle_id
        .replace(':', "%3A")
        .replace('|', "%7C")
        .replace('/', "%2F");
    format!("/v1/keys/{segment}")
}

/// The body of a request to sign `digest`.
pub fn sign_request(digest: &[u8; 64]) -> String {
    format!(r#"{{"digest":"{}"}}"#, STANDARD.encode(digest))
}
