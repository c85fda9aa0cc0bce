//! Google Cloud KMS, as its REST interface is spoken by Google's own client library.
//!
//! Enumerations travel as numbers and 64-bit numbers as text, because the client asks for it with
//! `$alt=json;enum-encoding=int`.

#![expect(
    clippy::indexing_slicing,
    reason = "what a JSON document does not have is null"
)]

mod key;
mod refusal;
mod tokens;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::Method;
use parking_lot::Mutex;
use serde_json::{Value, json};

use self::key::{Version, number, text_of_int64};
use self::tokens::Tokens;
use crate::{Answer, Request, Service};

pub use self::key::{GcpVersionState, SignWith, gcp_sign_prehashed};
pub use self::refusal::gcp_refusal;

/// `ASYMMETRIC_SIGN`, `EC_SIGN_ED25519` and another algorithm, `EC_SIGN_P256_SHA256`.
const PURPOSE: u64 = 5;
const ED25519: u64 = 40;
const P256: u64 = 12;
/// The protection level `HSM`.
const HSM: u64 = 2;

/// A project with one key ring, and the service that issues access tokens.
#[derive(Default)]
pub struct GcpKms {
    key_ring: String,
    keys: Mutex<BTreeMap<String, Vec<Version>>>,
    /// How many looks at a version that is new find it still being generated.
    looks_until_generated: Mutex<usize>,
    sign_with: Mutex<Option<SignWith>>,
    /// Whether it offers Ed25519 in an HSM, as the service does not.
    offers_hsm: AtomicBool,
    tokens: Tokens,
}

impl GcpKms {
    /// An empty key ring of this name, `projects/P/locations/L/keyRings/R`. Nobody has to sign in.
    pub fn new(key_ring: &str) -> Self {
        Self {
            key_ring: key_ring.to_owned(),
            ..Self::default()
        }
    }

    /// From now on each call needs an access token that `POST /token` has issued.
    pub fn require_tokens(&self) {
        self.tokens.require();
    }

    /// The tokens that were issued are no longer good, and no new one is issued until
    /// [`issue_again`](Self::issue_again).
    pub fn revoke_tokens(&self) {
        self.tokens.revoke();
    }

    /// Tokens are issued again.
    pub fn issue_again(&self) {
        self.tokens.issue_again();
    }

    /// The access tokens that were issued so far.
    pub fn issued_tokens(&self) -> Vec<String> {
        self.tokens.issued()
    }

    /// The names of all crypto keys.
    pub fn crypto_keys(&self) -> Vec<String> {
        self.keys.lock().keys().cloned().collect()
    }

    /// The full names of all versions that can be used.
    pub fn enabled(&self) -> Vec<String> {
        let keys = self.keys.lock();
        let enabled = keys.iter().flat_map(|(name, versions)| {
            let numbered = (1..).zip(versions);
            let enabled = numbered.filter(|(_, version)| version.state == GcpVersionState::Enabled);
            enabled.map(move |(number, _)| format!("{name}/cryptoKeyVersions/{number}"))
        });
        enabled.collect()
    }

    /// How many key pairs there are.
    pub fn pairs(&self) -> usize {
        self.keys.lock().values().map(Vec::len).sum()
    }

    /// A version that is made from now on is found in the state of being generated so many times.
    pub fn generate_slowly(&self, looks: usize) {
        *self.looks_until_generated.lock() = looks;
    }

    /// Signs in this way from now on instead of the right one.
    pub fn sign_with(&self, sign: impl Fn(&[u8; 32], &[u8]) -> Vec<u8> + Send + Sync + 'static) {
        *self.sign_with.lock() = Some(Arc::new(sign));
    }

    /// Signs rightly again.
    pub fn sign_rightly(&self) {
        *self.sign_with.lock() = None;
    }

    /// From now on it offers Ed25519 in an HSM too, as the service may one day.
    pub fn offer_hsm(&self) {
        self.offers_hsm.store(true, Ordering::SeqCst);
    }

    /// Puts every version of a crypto key, named by its full name, into this state.
    pub fn set_state(&self, crypto_key: &str, state: GcpVersionState) {
        self.change(crypto_key, |version| version.state = state);
    }

    /// Makes a crypto key one of another algorithm, as another program would have made it.
    pub fn set_other_algorithm(&self, crypto_key: &str) {
        self.change(crypto_key, |version| version.algorithm = P256);
    }

    /// Makes a crypto key one whose private half was imported.
    pub fn set_imported(&self, crypto_key: &str) {
        self.change(crypto_key, |version| version.is_imported = true);
    }

    fn change(&self, crypto_key: &str, change: impl FnMut(&mut Version)) {
        let mut keys = self.keys.lock();
        keys.get_mut(crypto_key)
            .unwrap()
            .iter_mut()
            .for_each(change);
    }

    fn serve(&self, request: &Request) -> Result<Value, Answer> {
        if (&request.method, request.path.as_str()) == (&Method::POST, "/token") {
            return self.tokens.issue(&request.json());
        }
        self.tokens.check(request.header("authorization"))?;
        let path = request.path.strip_prefix("/v1/").unwrap_or_default();
        let below = path
            .strip_prefix(self.key_ring.as_str())
            .ok_or_else(|| gcp_refusal(404, "NOT_FOUND", "no such key ring"))?;
        match (&request.method, below) {
            (&Method::GET, "") => Ok(json!({ "name": self.key_ring })),
            (&Method::POST, "/cryptoKeys") => self.create(request),
            (&Method::POST, _) => match path.strip_suffix(":asymmetricSign") {
                Some(name) => self.sign(name, &request.json()),
                None => Err(no_method()),
            },
            (&Method::GET, _) => match path.strip_suffix("/publicKey") {
                Some(name) => self.public_key(name),
                None => self.look(path),
            },
            (&Method::PATCH, _) => self.update(path, request),
            _ => Err(no_method()),
        }
    }

    fn create(&self, request: &Request) -> Result<Value, Answer> {
        let id = parameter(&request.query, "cryptoKeyId").unwrap_or_default();
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
        if !(1..=63).contains(&id.len()) || !id.bytes().all(is_legal) {
            return Err(gcp_refusal(400, "INVALID_ARGUMENT", "crypto key id"));
        }
        let document = request.json();
        let template = &document["versionTemplate"];
        if number(&document["purpose"]) != PURPOSE || number(&template["algorithm"]) != ED25519 {
            return Err(gcp_refusal(400, "INVALID_ARGUMENT", "purpose or algorithm"));
        }
        let level = number(&template["protectionLevel"]);
        if level == HSM && !self.offers_hsm.load(Ordering::SeqCst) {
            return Err(refusal::of_level());
        }
        let name = format!("{}/cryptoKeys/{id}", self.key_ring);
        let mut keys = self.keys.lock();
        if keys.contains_key(&name) {
            return Err(gcp_refusal(409, "ALREADY_EXISTS", "the crypto key exists"));
        }
        let version = Version::new(level, *self.looks_until_generated.lock());
        keys.insert(name.clone(), vec![version]);
        Ok(json!({ "name": name, "purpose": PURPOSE }))
    }

    fn with_version<T>(
        &self,
        name: &str,
        act: impl FnOnce(&mut Version) -> Result<T, Answer>,
    ) -> Result<T, Answer> {
        let not_found = || gcp_refusal(404, "NOT_FOUND", "no such version");
        let (key, number) = name
            .split_once("/cryptoKeyVersions/")
            .ok_or_else(not_found)?;
        let number: usize = number.parse().map_err(|_unspecific| not_found())?;
        let mut keys = self.keys.lock();
        let versions = keys.get_mut(key).ok_or_else(not_found)?;
        let index = number.checked_sub(1).ok_or_else(not_found)?;
        act(versions.get_mut(index).ok_or_else(not_found)?)
    }

    fn look(&self, name: &str) -> Result<Value, Answer> {
        self.with_version(name, |version| {
            version.is_looked_at();
            Ok(version.document(name))
        })
    }

    fn public_key(&self, name: &str) -> Result<Value, Answer> {
        self.with_version(name, |version| {
            version.require_enabled(name)?;
            let pem = version.pem();
            Ok(json!({
                "name": name,
                "pem": pem,
                "pemCrc32c": text_of_int64(pem.as_bytes()),
                "algorithm": version.algorithm,
                "protectionLevel": version.protection,
            }))
        })
    }

    fn sign(&self, name: &str, document: &Value) -> Result<Value, Answer> {
        let data = key::bytes(&document["data"]);
        if document["dataCrc32c"] != text_of_int64(&data) {
            return Err(gcp_refusal(400, "INVALID_ARGUMENT", "data_crc32c"));
        }
        let sign_with = self.sign_with.lock().clone();
        self.with_version(name, |version| {
            version.require_enabled(name)?;
            let signature = match sign_with {
                Some(sign) => sign(&version.seed, &data),
                None => version.sign(&data),
            };
            Ok(json!({
                "name": name,
                "signature": key::text(&signature),
                "signatureCrc32c": text_of_int64(&signature),
                "verifiedDataCrc32c": true,
                "protectionLevel": version.protection,
            }))
        })
    }

    fn update(&self, name: &str, request: &Request) -> Result<Value, Answer> {
        if parameter(&request.query, "updateMask").as_deref() != Some("state") {
            return Err(gcp_refusal(400, "INVALID_ARGUMENT", "update mask"));
        }
        let state = GcpVersionState::from_number(number(&request.json()["state"]));
        self.with_version(name, |version| {
            version.update(name, state)?;
            Ok(version.document(name))
        })
    }
}

impl Service for GcpKms {
    fn answer(&self, request: &Request) -> Answer {
        match self.serve(request) {
            Ok(document) => Answer::json(200, &document),
            Err(refusal) => refusal,
        }
    }
}

impl fmt::Debug for GcpKms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcpKms").finish_non_exhaustive()
    }
}

fn no_method() -> Answer {
    gcp_refusal(404, "NOT_FOUND", "no such method")
}

/// A parameter of a query whose values need no decoding.
fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(key, _)| *key == name);
    values.next().map(|(_, value)| value.to_owned())
}
