//! The keys of the vault.

use std::collections::HashMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use super::refusal::{Refused, bad_property};
use super::{Signing, VaultKind};

/// One version of a key.
#[derive(Debug, Clone)]
pub(super) struct VaultKey {
    pub(super) version: String,
    pub(super) enabled: bool,
    pub(super) tags: HashMap<String, String>,
    created: u64,
    kind: String,
    pub(super) operations: Vec<String>,
    pub(super) is_exportable: bool,
    material: Material,
}

/// What is inside.
#[derive(Clone)]
enum Material {
    /// Stands for an RSA key: what it has encrypted, by the ciphertext.
    Rsa {
        bytes: usize,
        encrypted: HashMap<Vec<u8>, Vec<u8>>,
    },
    /// The private half.
    Ed25519([u8; 32]),
}

impl VaultKey {
    pub(super) fn make(kind: VaultKind, number: usize, body: &Value) -> Result<Self, Refused> {
        let kty = body["kty"].as_str().unwrap_or_default();
        let is_offered = match kty {
            "RSA" => true,
            "RSA-HSM" => kind != VaultKind::Standard,
            "OKP-HSM" => kind == VaultKind::WithEd25519 && body["crv"] == "Ed25519",
            _ => false,
        };
        if !is_offered {
            return Err(bad_property("kty", &body["kty"]));
        }
        let material = if kty == "OKP-HSM" {
            Material::Ed25519(random())
        } else {
            let bits = body["key_size"].as_u64().unwrap_or(2048);
            if ![2048, 3072, 4096].contains(&bits) {
                return Err(bad_property("key_size", &body["key_size"]));
            }
            Material::Rsa {
                bytes: usize::try_from(bits / 8).unwrap(),
                encrypted: HashMap::new(),
            }
        };
        let mut key = Self {
            version: new_version(number),
            enabled: true,
            tags: HashMap::new(),
            created: now(),
            kind: kty.to_owned(),
            operations: serde_json::from_value(body["key_ops"].clone()).unwrap_or_default(),
            is_exportable: false,
            material,
        };
        key.update(body)?;
        Ok(key)
    }

    /// The next version of the same key, with the same tags and other material.
    pub(super) fn rotated(&self, number: usize) -> Self {
        let material = match &self.material {
            Material::Ed25519(_) => Material::Ed25519(random()),
            Material::Rsa { bytes, .. } => Material::Rsa {
                bytes: *bytes,
                encrypted: HashMap::new(),
            },
        };
        Self {
            version: new_version(number),
            enabled: true,
            created: self.created + 1,
            material,
            ..self.clone()
        }
    }

    /// Changes what the body names.
    pub(super) fn update(&mut self, body: &Value) -> Result<(), Refused> {
        if let Some(enabled) = body["attributes"]["enabled"].as_bool() {
            self.enabled = enabled;
        }
        if let Some(tags) = body["tags"].as_object() {
            if tags.len() > 15 {
                return Err(bad_property("tags", &body["tags"]));
            }
            let mut found = HashMap::new();
            for (name, value) in tags {
                let text = value.as_str().unwrap_or_default();
                if name.len() > 256 || text.len() > 256 {
                    return Err(bad_property("tags", value));
                }
                found.insert(name.clone(), text.to_owned());
            }
            self.tags = found;
        }
        Ok(())
    }

    pub(super) fn document(&self, vault: &str, name: &str) -> Value {
        let mut key = json!({
            "kid": self.id(vault, name),
            "kty": self.kind,
            "key_ops": self.operations,
        });
        match &self.material {
            Material::Ed25519(seed) => {
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
                key["crv"] = json!("Ed25519");
                key["x"] = json!(URL_SAFE_NO_PAD.encode(pair.public_key()));
            }
            Material::Rsa { bytes, .. } => {
                key["n"] = json!(URL_SAFE_NO_PAD.encode(vec![0xc5; *bytes]));
                key["e"] = json!("AQAB");
            }
        }
        json!({ "key": key, "attributes": self.attributes(), "tags": self.tags })
    }

    /// As a list shows it: without the public half.
    pub(super) fn listed(&self, vault: &str, name: &str) -> Value {
        json!({
            "kid": self.id(vault, name),
            "attributes": self.attributes(),
            "tags": self.tags,
        })
    }

    fn attributes(&self) -> Value {
        json!({
            "enabled": self.enabled,
            "created": self.created,
            "updated": self.created,
            "exportable": self.is_exportable,
            "recoveryLevel": "Recoverable+Purgeable",
        })
    }

    fn id(&self, vault: &str, name: &str) -> String {
        format!("{vault}/keys/{name}/{}", self.version)
    }

    /// Does what it is asked. A version that is disabled still encrypts, as the service does.
    pub(super) fn operate(
        &mut self,
        operation: &str,
        body: &Value,
        signing: Signing,
    ) -> Result<String, Refused> {
        let value = body["value"].as_str().unwrap_or_default();
        let value = URL_SAFE_NO_PAD.decode(value);
        let value = value.map_err(|_unspecific| bad_property("value", &body["value"]))?;
        let is_out_of_use = !self.enabled && operation != "wrapkey";
        if is_out_of_use {
            return Err(Refused::Forbidden("KeyDisabled"));
        }
        let answer = match (operation, &mut self.material, body["alg"].as_str()) {
            ("sign", Material::Ed25519(seed), Some("EdDSA")) => signing.sign(seed, &value),
            ("wrapkey", Material::Rsa { bytes, encrypted }, Some("RSA-OAEP-256")) => {
                let mut ciphertext = vec![0; *bytes];
                SystemRandom::new().fill(&mut ciphertext).unwrap();
                encrypted.insert(ciphertext.clone(), value);
                ciphertext
            }
            ("unwrapkey", Material::Rsa { encrypted, .. }, Some("RSA-OAEP-256")) => encrypted
                .get(&value)
                .cloned()
                .ok_or_else(|| bad_property("value", &Value::Null))?,
            _ => return Err(bad_property("alg", &body["alg"])),
        };
        Ok(URL_SAFE_NO_PAD.encode(answer))
    }

    pub(super) fn secrets(&self) -> Vec<Vec<u8>> {
        match &self.material {
            Material::Ed25519(seed) => vec![seed.to_vec()],
            Material::Rsa { encrypted, .. } => encrypted.values().cloned().collect(),
        }
    }
}

impl Signing {
    fn sign(self, seed: &[u8; 32], value: &[u8]) -> Vec<u8> {
        let pure = |seed: &[u8; 32]| {
            let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
            pair.sign(value).as_ref().to_vec()
        };
        match self {
            Self::Right => pure(seed),
            Self::ByAnotherKey => pure(&random()),
            Self::Garbled => {
                let mut signature = pure(seed);
                signature.reverse();
                signature
            }
            Self::Prehashed => {
                let key = SigningKey::from_bytes(seed);
                let hash = Sha512::new_with_prefix(value);
                key.sign_prehashed(hash, None).unwrap().to_bytes().to_vec()
            }
        }
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material").finish_non_exhaustive()
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).unwrap();
    bytes
}

/// Names of versions say nothing of their order; these say the reverse.
fn new_version(number: usize) -> String {
    format!("{:032x}", usize::MAX - number)
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
