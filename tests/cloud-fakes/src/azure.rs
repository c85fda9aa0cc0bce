//! A key vault of Azure, and the identity services beside it.
//!
//! It speaks the wire of api-version 2025-07-01 as far as the provider uses it. One service plays the
//! vault, Entra ID's token endpoint and the identity endpoint of a machine, told apart by their paths;
//! a test starts a server for each that it needs.

#![expect(
    clippy::indexing_slicing,
    reason = "a field that a document does not have reads as null, and one that is written is made"
)]

mod identity;
mod keys;
mod refusal;

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;
use serde_json::{Value, json};

use self::keys::VaultKey;
use self::refusal::{Refused, refuse};
use crate::message::{Answer, Request};
use crate::server::Service;

/// The token that the vault accepts at first.
const FIRST_TOKEN: &str = "throw-away-token-of-the-vault-1";
/// How many versions a page of a list has: few, so that lists have several.
const PAGE: usize = 2;

/// Which types of keys a vault knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VaultKind {
    /// RSA in hardware or software; what a premium vault is.
    Premium,
    /// RSA in software only.
    Standard,
    /// Ed25519 too, as no vault does today.
    WithEd25519,
}

/// What a vault makes of a request to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signing {
    /// What it is asked for.
    #[default]
    Right,
    /// A signature by another key.
    ByAnotherKey,
    /// No signature at all.
    Garbled,
    /// Ed25519ph instead of pure Ed25519.
    Prehashed,
}

/// The vault.
#[derive(Debug)]
pub struct FakeVault {
    kind: VaultKind,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By their names in lower case, versions in the order in which they were made.
    keys: HashMap<String, Vec<VaultKey>>,
    deleted: HashSet<String>,
    denied: HashSet<&'static str>,
    token: String,
    tokens: usize,
    identity_is_gone: bool,
    signing: Signing,
    made: usize,
}

impl FakeVault {
    /// The secret of the application that may sign in.
    pub const CLIENT_SECRET: &str = "throw-away-secret-of-an-application";
    /// What the identity endpoint of a machine wants to be shown.
    pub const IDENTITY_HEADER: &str = "throw-away-header-of-a-machine";

    /// An empty vault.
    pub fn new(kind: VaultKind) -> Self {
        let state = State {
            token: FIRST_TOKEN.to_owned(),
            ..State::default()
        };
        Self {
            kind,
            state: Mutex::new(state),
        }
    }

    /// How many versions there are of all keys together, but for those of the probe.
    pub fn versions(&self) -> usize {
        let state = self.state.lock();
        let ours = state.keys.iter().filter(|(name, _)| name.starts_with("k-"));
        ours.map(|(_, versions)| versions.len()).sum()
    }

    /// How many of them are enabled.
    pub fn enabled_versions(&self) -> usize {
        self.enabled().len()
    }

    /// Those that are enabled, as `NAME/VERSION`.
    pub fn enabled(&self) -> Vec<String> {
        let state = self.state.lock();
        let ours = state.keys.iter().filter(|(name, _)| name.starts_with("k-"));
        let enabled = ours.flat_map(|(name, versions)| {
            let enabled = versions.iter().filter(|key| key.enabled);
            enabled.map(move |key| format!("{name}/{}", key.version))
        });
        enabled.collect()
    }

    /// The names of all keys.
    pub fn names(&self) -> Vec<String> {
        self.state.lock().keys.keys().cloned().collect()
    }

    /// Deletes a key so that it can still be recovered, as `az keyvault key delete` does.
    pub fn delete(&self, name: &str) {
        let mut state = self.state.lock();
        state.keys.remove(name);
        state.deleted.insert(name.to_owned());
    }

    /// Makes another version of a key, as anybody may who may make keys: the newest one counts where
    /// no version is named.
    pub fn rotate(&self, name: &str) {
        let mut state = self.state.lock();
        let number = state.next();
        let versions = state.keys.get_mut(name).unwrap();
        let next = versions.last().unwrap().rotated(number);
        versions.push(next);
    }

    /// Makes the oldest version of a key one that may also do this.
    pub fn permit_operation(&self, name: &str, operation: &str) {
        let mut state = self.state.lock();
        let key = state.keys.get_mut(name).unwrap().first_mut().unwrap();
        key.operations.push(operation.to_owned());
    }

    /// Makes the oldest version of a key one that can be exported.
    pub fn make_exportable(&self, name: &str) {
        let mut state = self.state.lock();
        state
            .keys
            .get_mut(name)
            .unwrap()
            .first_mut()
            .unwrap()
            .is_exportable = true;
    }

    /// Whoever may change a key may change its tags.
    pub fn change_tags(&self, name: &str, change: impl FnOnce(&mut HashMap<String, String>)) {
        let mut state = self.state.lock();
        change(&mut state.keys.get_mut(name).unwrap().first_mut().unwrap().tags);
    }

    /// The tags of the oldest version of a key.
    pub fn tags(&self, name: &str) -> HashMap<String, String> {
        self.state
            .lock()
            .keys
            .get(name)
            .unwrap()
            .first()
            .unwrap()
            .tags
            .clone()
    }

    /// From now on the vault signs like this.
    pub fn sign_like(&self, signing: Signing) {
        self.state.lock().signing = signing;
    }

    /// From now on nobody may do `operation`: `create`, `get`, `update`, `sign`, `wrapkey`, `unwrapkey`.
    pub fn deny(&self, operation: &'static str) {
        self.state.lock().denied.insert(operation);
    }

    /// Takes all denials back.
    pub fn permit_all(&self) {
        self.state.lock().denied.clear();
    }

    /// Whatever token there is, the vault takes it no more; a new one it takes.
    pub fn expire_tokens(&self) {
        self.state.lock().renew_token();
    }

    /// From now on nobody is given a token, and those that are out are worth nothing.
    pub fn forget_identity(&self) {
        let mut state = self.state.lock();
        state.identity_is_gone = true;
        state.renew_token();
    }

    /// Tokens are given again.
    pub fn remember_identity(&self) {
        self.state.lock().identity_is_gone = false;
    }

    /// Everything that was encrypted: private keys that must be seen nowhere.
    pub fn secrets(&self) -> Vec<Vec<u8>> {
        let state = self.state.lock();
        let keys = state.keys.values().flatten();
        keys.flat_map(VaultKey::secrets).collect()
    }

    /// What the vault gives out that must be seen nowhere, as text.
    pub fn credentials(&self) -> Vec<String> {
        let state = self.state.lock();
        let tokens = (1..=state.tokens + 1).map(|number| format!("{}{number}", token_stem()));
        let fixed = [Self::CLIENT_SECRET, Self::IDENTITY_HEADER].map(str::to_owned);
        tokens.chain(fixed).collect()
    }

    fn of_the_vault(&self, request: &Request) -> Result<Answer, Refused> {
        let mut state = self.state.lock();
        if request.header("authorization") != format!("Bearer {}", state.token) {
            return Err(Refused::Unauthorized);
        }
        if !request.query.contains("api-version=") {
            return Err(Refused::BadParameter("api-version is missing".to_owned()));
        }
        let path = request.path.to_lowercase();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let vault = format!("https://{}", request.header("host"));
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["keys", name, "create"]) => {
                state.permits("create")?;
                state.create(self.kind, &vault, name, &request.json())
            }
            ("GET", ["keys", name, "versions"]) => {
                state.permits("get")?;
                Ok(state.list(&vault, name, &request.query))
            }
            ("GET", ["keys", name, rest @ ..]) => {
                state.permits("get")?;
                // Nothing behind the name means the newest version.
                let version = rest.first().copied().filter(|version| !version.is_empty());
                let key = state.find(name, version)?;
                Ok(Answer::json(200, &key.document(&vault, name)))
            }
            ("PATCH", ["keys", name, version]) => {
                state.permits("update")?;
                let key = state.find(name, Some(version))?;
                key.update(&request.json())?;
                Ok(Answer::json(200, &key.document(&vault, name)))
            }
            ("POST", ["keys", name, version, operation]) => {
                state.permits(operation)?;
                let (body, signing) = (request.json(), state.signing);
                let key = state.find(name, Some(version))?;
                let value = key.operate(operation, &body, signing)?;
                let id = format!("{vault}/keys/{name}/{version}");
                Ok(Answer::json(200, &json!({ "kid": id, "value": value })))
            }
            _ => Err(Refused::NotFound(path)),
        }
    }
}

fn token_stem() -> &'static str {
    FIRST_TOKEN.trim_end_matches('1')
}

impl State {
    fn next(&mut self) -> usize {
        self.made += 1;
        self.made
    }

    fn renew_token(&mut self) {
        self.tokens += 1;
        self.token = format!("{}{}", token_stem(), self.tokens + 1);
    }

    fn permits(&self, operation: &str) -> Result<(), Refused> {
        if self.denied.contains(operation) {
            Err(Refused::Forbidden("ForbiddenByRbac"))
        } else {
            Ok(())
        }
    }

    /// As the service does: a name that is taken gets another version, and nobody is told.
    fn create(
        &mut self,
        kind: VaultKind,
        vault: &str,
        name: &str,
        body: &Value,
    ) -> Result<Answer, Refused> {
        if self.deleted.contains(name) {
            return Err(Refused::Conflict(name.to_owned()));
        }
        let number = self.next();
        let key = VaultKey::make(kind, number, body)?;
        let answer = Answer::json(200, &key.document(vault, name));
        self.keys.entry(name.to_owned()).or_default().push(key);
        Ok(answer)
    }

    fn list(&self, vault: &str, name: &str, query: &str) -> Answer {
        let Some(versions) = self.keys.get(name) else {
            return Answer::json(200, &json!({ "value": [], "nextLink": null }));
        };
        let skip = query
            .split('&')
            .find_map(|pair| pair.split_once("skiptoken="));
        let skip: usize = skip.map_or(0, |(_, skip)| skip.parse().unwrap());
        // Newest first: whoever reads one page only does not see the oldest.
        let page = versions.iter().rev().skip(skip).take(PAGE);
        let page: Vec<Value> = page.map(|key| key.listed(vault, name)).collect();
        let behind = skip + PAGE;
        let next = (behind < versions.len()).then(|| {
            format!("{vault}/keys/{name}/versions?api-version=2025-07-01&$skiptoken={behind}")
        });
        Answer::json(200, &json!({ "value": page, "nextLink": next }))
    }

    fn find(&mut self, name: &str, version: Option<&str>) -> Result<&mut VaultKey, Refused> {
        let missing = || Refused::NotFound(name.to_owned());
        let versions = self.keys.get_mut(name).ok_or_else(missing)?;
        match version {
            None => versions.last_mut().ok_or_else(missing),
            Some(version) => {
                let mut versions = versions.iter_mut();
                versions
                    .find(|key| key.version == version)
                    .ok_or_else(missing)
            }
        }
    }
}

impl Service for FakeVault {
    fn answer(&self, request: &Request) -> Answer {
        let path = request.path.as_str();
        if path.ends_with("/oauth2/v2.0/token") {
            identity::of_entra(&self.state.lock(), request)
        } else if path == "/msi/token" {
            identity::of_machine(&self.state.lock(), request)
        } else {
            self.of_the_vault(request)
                .unwrap_or_else(|refused| refuse(&refused, request))
        }
    }
}
