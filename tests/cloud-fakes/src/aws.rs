//! AWS KMS, as far as Ed25519 keys go: JSON 1.1 over HTTP, one path, the operation in a header field.
//!
//! It is as strict as the service is said to be: a disabled key shows no public half, a key that is to be
//! deleted cannot be disabled, `ED25519_SHA_512` takes messages and no digests.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Digest as _, Sha512, Signer as _, SigningKey};
use parking_lot::Mutex;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::message::{Answer, Request};
use crate::server::Service;

/// The account of all keys.
pub const ACCOUNT: &str = "123456789012";
/// The region of all keys.
pub const REGION: &str = "eu-central-1";

/// How many aliases and keys one answer lists, so that lists have several parts.
const PAGE: usize = 3;
const PREFIX: &str = "TrentService.";

/// The key service.
#[derive(Debug, Default)]
pub struct FakeAwsKms {
    state: Mutex<State>,
    /// How long what is made from now on hides.
    shyness: Mutex<Shyness>,
    signs_otherwise: Mutex<Option<SignOtherwise>>,
    refuses_foreign_tags: AtomicBool,
}

/// Makes another signature than it should: of a seed and a message.
pub type SignOtherwise = fn(&[u8; 32], &[u8]) -> Vec<u8>;

/// Signs with a key that no one has asked for.
pub fn with_another_key(_seed: &[u8; 32], message: &[u8]) -> Vec<u8> {
    SigningKey::from_bytes(&[9; 32]).sign(message).to_vec()
}

/// Takes the message for one to be hashed: Ed25519ph.
pub fn prehashed(seed: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let hash = Sha512::new().chain_update(message);
    let signed = SigningKey::from_bytes(seed).sign_prehashed(hash, None);
    signed.unwrap().to_vec()
}

/// Signs as it should, and the signature is damaged on the way.
pub fn damaged(seed: &[u8; 32], message: &[u8]) -> Vec<u8> {
    let mut signature = SigningKey::from_bytes(seed).sign(message).to_vec();
    for byte in &mut signature {
        *byte ^= 1;
    }
    signature
}

/// How long new things hide.
#[derive(Debug, Clone, Copy, Default)]
struct Shyness {
    /// New keys, from requests that name them.
    keys: usize,
    /// New aliases, from requests that name them.
    aliases: usize,
    /// Both, from lists.
    lists: usize,
}

#[derive(Debug, Default)]
struct State {
    keys: Vec<Key>,
    /// In the order in which they were made.
    aliases: Vec<Alias>,
    made: u32,
}

#[derive(Debug, Clone)]
struct Alias {
    name: String,
    /// The id of its key.
    key: String,
    /// How many looks it still hides from.
    hidden_for: usize,
    listing: Listing,
}

/// Whether lists show something.
#[derive(Debug, Clone, Copy, Default)]
struct Listing {
    /// How many lists it still hides from.
    hidden_for: usize,
    /// Whether it is in the list that was begun last.
    is_shown: bool,
}

impl Listing {
    const fn hidden_for(lists: usize) -> Self {
        Self {
            hidden_for: lists,
            is_shown: false,
        }
    }

    /// A list is begun.
    const fn begin(&mut self) {
        self.is_shown = self.hidden_for == 0;
        self.hidden_for = self.hidden_for.saturating_sub(1);
    }
}

#[derive(Debug, Clone)]
struct Key {
    id: String,
    seed: [u8; 32],
    state: &'static str,
    spec: String,
    /// Where the private half comes from: `AWS_KMS`, or `EXTERNAL` when it was imported.
    origin: &'static str,
    tags: Vec<(String, String)>,
    created: f64,
    /// How many looks it still hides from.
    hidden_for: usize,
    listing: Listing,
}

/// What the service tells of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldKey {
    /// The ARN.
    pub arn: String,
    /// `Enabled`, `Disabled` or `PendingDeletion`.
    pub state: &'static str,
    /// The alias that names it.
    pub alias: Option<String>,
    /// The tags, in their order.
    pub tags: Vec<(String, String)>,
}

/// A refusal: the code and its sentence.
struct Refused(&'static str, String);

/// Whether a request asks for `operation`, for rules of faults.
pub fn asks_for(operation: &'static str) -> impl Fn(&Request) -> bool + Send + 'static {
    move |request| operation_of(request) == operation
}

/// The operation that a request asks for.
pub fn operation_of(request: &Request) -> &str {
    let target = request.header("x-amz-target");
    target.strip_prefix(PREFIX).unwrap_or("")
}

/// The answer with which the service refuses.
pub fn refusal(status: u16, code: &str, sentence: &str) -> Answer {
    let document = json!({ "__type": code, "message": sentence });
    Answer::json(status, &document)
        .with("content-type", "application/x-amz-json-1.1")
        .with("x-amzn-requestid", "00000000-4b5c-6d7e")
}

impl FakeAwsKms {
    /// A service without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// The keys, oldest first.
    pub fn keys(&self) -> Vec<HeldKey> {
        let state = self.state.lock();
        let held = |key: &Key| HeldKey {
            arn: arn(&key.id),
            state: key.state,
            alias: state.alias_of(&key.id),
            tags: key.tags.clone(),
        };
        state.keys.iter().map(held).collect()
    }

    /// The keys that sign.
    pub fn enabled(&self) -> Vec<HeldKey> {
        let mut keys = self.keys();
        keys.retain(|key| key.state == "Enabled");
        keys
    }

    /// Puts a key in that nobody made by a request, with these tags and no alias.
    pub fn plant(&self, tags: &[(&str, &str)], spec: &str) -> String {
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let shyness = *self.shyness.lock();
        let key = self.state.lock().make(spec, tags.collect(), shyness);
        arn(&key)
    }

    /// Takes an alias away, as an administrator may.
    pub fn remove_alias(&self, alias: &str) {
        self.state
            .lock()
            .aliases
            .retain(|known| known.name != alias);
    }

    /// Gives a key an alias, as another custodian does.
    pub fn name(&self, alias: &str, arn: &str) {
        let shyness = *self.shyness.lock();
        self.state.lock().put_alias(alias, id_of(arn), shyness);
    }

    /// Makes a key one whose private half was imported, so that somebody else has it as well.
    pub fn set_imported(&self, arn: &str) {
        let mut all = self.state.lock();
        let keys = all.keys.iter_mut();
        for key in keys.filter(|key| key.id == id_of(arn)) {
            key.origin = "EXTERNAL";
        }
    }

    /// Points an alias that is there at another key, as whoever may name keys can.
    pub fn move_alias(&self, alias: &str, arn: &str) {
        let mut all = self.state.lock();
        let aliases = all.aliases.iter_mut();
        for known in aliases.filter(|known| known.name == alias) {
            id_of(arn).clone_into(&mut known.key);
        }
    }

    /// Brings a key into a state: `Enabled`, `Disabled`, `PendingDeletion` or `Unavailable`.
    pub fn set_state(&self, arn: &str, state: &'static str) {
        let mut all = self.state.lock();
        let keys = all.keys.iter_mut();
        for key in keys.filter(|key| key.id == id_of(arn)) {
            key.state = state;
        }
    }

    /// From now on new keys are not to be seen by the first `looks` requests that name them.
    pub fn show_new_keys_after(&self, looks: usize) {
        self.shyness.lock().keys = looks;
    }

    /// From now on new aliases are not to be seen by the first `looks` requests that name them.
    pub fn follow_new_aliases_after(&self, looks: usize) {
        self.shyness.lock().aliases = looks;
    }

    /// From now on new keys and aliases are missing in the first `lists` lists that are begun.
    pub fn list_new_things_after(&self, lists: usize) {
        self.shyness.lock().lists = lists;
    }

    /// From now on signatures are made otherwise; `None` makes them right again.
    pub fn sign_otherwise(&self, how: Option<SignOtherwise>) {
        *self.signs_otherwise.lock() = how;
    }

    /// From now on a key without tags does not let anybody read them.
    pub fn refuse_tags_of_strangers(&self) {
        self.refuses_foreign_tags.store(true, Ordering::SeqCst);
    }

    fn obey(&self, request: &Request) -> Result<Value, Refused> {
        check_signature(request)?;
        let asked = request.json();
        let shyness = *self.shyness.lock();
        let mut state = self.state.lock();
        match operation_of(request) {
            "CreateKey" => {
                let id = state.make(text(&asked, "KeySpec"), tags_in(&asked)?, shyness);
                Ok(json!({ "KeyMetadata": state.key(&id)?.metadata() }))
            }
            "DescribeKey" => {
                Ok(json!({ "KeyMetadata": state.look(text(&asked, "KeyId"))?.metadata() }))
            }
            "GetPublicKey" => {
                let key = state.look(text(&asked, "KeyId"))?;
                key.must_be_enabled()?;
                Ok(key.public_half())
            }
            "Sign" => {
                let otherwise = *self.signs_otherwise.lock();
                state.look(text(&asked, "KeyId"))?.sign(&asked, otherwise)
            }
            "DisableKey" => {
                let key = state.look(text(&asked, "KeyId"))?;
                if key.state == "PendingDeletion" {
                    return Err(invalid_state(key));
                }
                key.state = "Disabled";
                Ok(Value::Null)
            }
            "ScheduleKeyDeletion" => {
                let key = state.look(text(&asked, "KeyId"))?;
                let days = number(&asked, "PendingWindowInDays").unwrap_or(30);
                if !(7..=30).contains(&days) {
                    return Err(Refused("ValidationException", "7 to 30 days".to_owned()));
                }
                if key.state == "PendingDeletion" {
                    return Err(invalid_state(key));
                }
                key.state = "PendingDeletion";
                Ok(json!({ "KeyId": arn(&key.id), "KeyState": key.state }))
            }
            "CreateAlias" => {
                let target = text(&asked, "TargetKeyId");
                state.give_alias(text(&asked, "AliasName"), target, shyness)
            }
            "ListAliases" => Ok(state.list_aliases(text(&asked, "Marker"))),
            "ListKeys" => Ok(state.list_keys(text(&asked, "Marker"), number(&asked, "Limit"))),
            "ListResourceTags" => {
                let is_shut = self.refuses_foreign_tags.load(Ordering::SeqCst);
                state.look(text(&asked, "KeyId"))?.list_tags(is_shut)
            }
            other => Err(Refused(
                "UnknownOperationException",
                format!("no {other:?} here"),
            )),
        }
    }
}

impl Service for FakeAwsKms {
    fn answer(&self, request: &Request) -> Answer {
        match self.obey(request) {
            Ok(document) => {
                let body = if document.is_null() {
                    json!({})
                } else {
                    document
                };
                Answer::json(200, &body).with("content-type", "application/x-amz-json-1.1")
            }
            Err(Refused(code, sentence)) => refusal(400, code, &sentence),
        }
    }
}

impl State {
    fn make(&mut self, spec: &str, tags: Vec<(String, String)>, shyness: Shyness) -> String {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).unwrap();
        self.made += 1;
        // A UUID of its own in every service, so that tests at once do not meet the same ids.
        let random = u32::from_be_bytes(*seed.first_chunk().unwrap()).rotate_left(7);
        let id = format!("{random:08x}-4b5c-6d7e-8f90-{:012x}", self.made);
        // Later keys are younger, also on a coarse clock.
        let created = 1_700_000_000.0 + f64::from(self.made);
        self.keys.push(Key {
            id: id.clone(),
            seed,
            state: "Enabled",
            spec: spec.to_owned(),
            origin: "AWS_KMS",
            tags,
            created,
            hidden_for: shyness.keys,
            listing: Listing::hidden_for(shyness.lists),
        });
        id
    }

    fn alias_of(&self, id: &str) -> Option<String> {
        let mut aliases = self.aliases.iter();
        let found = aliases.find(|alias| alias.key == id);
        found.map(|alias| alias.name.clone())
    }

    fn put_alias(&mut self, name: &str, key: &str, shyness: Shyness) {
        self.aliases.push(Alias {
            name: name.to_owned(),
            key: key.to_owned(),
            hidden_for: shyness.aliases,
            listing: Listing::hidden_for(shyness.lists),
        });
    }

    fn key(&mut self, id: &str) -> Result<&mut Key, Refused> {
        let key = self.keys.iter_mut().find(|key| key.id == id);
        key.ok_or_else(|| not_found(id))
    }

    /// A key by id, ARN or alias, unless it still hides.
    fn look(&mut self, name: &str) -> Result<&mut Key, Refused> {
        let id = if name.starts_with("alias/") {
            let mut aliases = self.aliases.iter_mut();
            let found = aliases.find(|alias| alias.name == name);
            let alias = found.ok_or_else(|| not_found(name))?;
            if alias.hidden_for > 0 {
                alias.hidden_for -= 1;
                return Err(not_found(name));
            }
            alias.key.clone()
        } else if name.starts_with("arn:") && !name.starts_with(&home()) {
            return Err(Refused(
                "InvalidArnException",
                format!("Invalid arn {name}"),
            ));
        } else {
            id_of(name).to_owned()
        };
        let key = self.key(&id)?;
        if key.hidden_for > 0 {
            key.hidden_for -= 1;
            return Err(not_found(name));
        }
        Ok(key)
    }

    fn give_alias(
        &mut self,
        alias: &str,
        target: &str,
        shyness: Shyness,
    ) -> Result<Value, Refused> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
        let is_legal = alias.strip_prefix("alias/").is_some_and(|name| {
            !name.starts_with("aws/") && !name.is_empty() && name.bytes().all(legal)
        });
        if !is_legal || alias.len() > 256 {
            return Err(Refused("InvalidAliasNameException", alias.to_owned()));
        }
        if self.aliases.iter().any(|known| known.name == alias) {
            let sentence = format!("An alias with the name {alias} already exists");
            return Err(Refused("AlreadyExistsException", sentence));
        }
        let key = self.look(target)?;
        if key.state == "PendingDeletion" {
            return Err(invalid_state(key));
        }
        let id = key.id.clone();
        self.put_alias(alias, &id, shyness);
        Ok(Value::Null)
    }

    fn list_aliases(&mut self, marker: &str) -> Value {
        if marker.is_empty() {
            for alias in &mut self.aliases {
                alias.listing.begin();
            }
        }
        let shown = self.aliases.iter().filter(|alias| alias.listing.is_shown);
        let (from, all) = (marker.parse().unwrap_or(0), shown.clone().count());
        let listed = shown.skip(from).take(PAGE).map(|Alias { name, key, .. }| {
            json!({ "AliasName": name, "AliasArn": format!("{}:{name}", home()), "TargetKeyId": key })
        });
        let listed: Vec<_> = listed.collect();
        page("Aliases", &listed, from + PAGE, all)
    }

    fn list_keys(&mut self, marker: &str, limit: Option<u64>) -> Value {
        if marker.is_empty() {
            for key in &mut self.keys {
                key.listing.begin();
            }
        }
        let most = limit.and_then(|limit| usize::try_from(limit).ok());
        let most = most.unwrap_or(PAGE).min(PAGE);
        let shown = self.keys.iter().filter(|key| key.listing.is_shown);
        let (from, all) = (marker.parse().unwrap_or(0), shown.clone().count());
        let listed = shown.skip(from).take(most);
        let listed = listed.map(|key| json!({ "KeyId": key.id, "KeyArn": arn(&key.id) }));
        let listed: Vec<_> = listed.collect();
        page("Keys", &listed, from + most, all)
    }
}

impl Key {
    fn metadata(&self) -> Value {
        json!({
            "AWSAccountId": ACCOUNT,
            "KeyId": self.id,
            "Arn": arn(&self.id),
            "CreationDate": self.created,
            "Enabled": self.state == "Enabled",
            "KeyState": self.state,
            "KeyUsage": "SIGN_VERIFY",
            "KeySpec": self.spec,
            "Origin": self.origin,
            "KeyManager": "CUSTOMER",
            "MultiRegion": false,
        })
    }

    fn must_be_enabled(&self) -> Result<(), Refused> {
        match self.state {
            "Enabled" => Ok(()),
            "Disabled" => Err(Refused(
                "DisabledException",
                format!("{} is disabled.", arn(&self.id)),
            )),
            _ => Err(invalid_state(self)),
        }
    }

    fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&self.seed).unwrap()
    }

    fn public_half(&self) -> Value {
        let mut der = STANDARD.decode("MCowBQYDK2VwAyEA").unwrap();
        der.extend_from_slice(self.pair().public_key().as_ref());
        json!({
            "KeyId": arn(&self.id),
            "PublicKey": STANDARD.encode(der),
            "KeySpec": self.spec,
            "KeyUsage": "SIGN_VERIFY",
            "SigningAlgorithms": ["ED25519_SHA_512", "ED25519_PH_SHA_512"],
        })
    }

    fn sign(&self, asked: &Value, otherwise: Option<SignOtherwise>) -> Result<Value, Refused> {
        self.must_be_enabled()?;
        let way = (text(asked, "SigningAlgorithm"), text(asked, "MessageType"));
        if self.spec != "ECC_NIST_EDWARDS25519" || way != ("ED25519_SHA_512", "RAW") {
            let sentence = format!("{way:?} is not for a key of {}", self.spec);
            return Err(Refused("ValidationException", sentence));
        }
        let message = STANDARD.decode(text(asked, "Message")).unwrap_or_default();
        if message.is_empty() || message.len() > 4096 {
            return Err(Refused("ValidationException", "1 to 4096 bytes".to_owned()));
        }
        let signature = match otherwise {
            None => self.pair().sign(&message).as_ref().to_vec(),
            Some(sign) => sign(&self.seed, &message),
        };
        Ok(json!({
            "KeyId": arn(&self.id),
            "Signature": STANDARD.encode(signature),
            "SigningAlgorithm": "ED25519_SHA_512",
        }))
    }

    fn list_tags(&self, is_shut: bool) -> Result<Value, Refused> {
        if is_shut && self.tags.is_empty() {
            let sentence = "not authorized to perform: kms:ListResourceTags because no \
                            resource-based policy allows the kms:ListResourceTags action";
            return Err(Refused("AccessDeniedException", sentence.to_owned()));
        }
        let tags = self.tags.iter();
        let tags = tags.map(|(key, value)| json!({ "TagKey": key, "TagValue": value }));
        Ok(json!({ "Tags": tags.collect::<Vec<_>>(), "Truncated": false }))
    }
}

fn home() -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}")
}

fn arn(id: &str) -> String {
    format!("{}:key/{id}", home())
}

fn id_of(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn text<'v>(document: &'v Value, field: &str) -> &'v str {
    document.get(field).and_then(Value::as_str).unwrap_or("")
}

fn number(document: &Value, field: &str) -> Option<u64> {
    document.get(field).and_then(Value::as_u64)
}

fn tags_in(asked: &Value) -> Result<Vec<(String, String)>, Refused> {
    let legal = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
    let mut tags = Vec::new();
    for tag in asked
        .get("Tags")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let (key, value) = (text(tag, "TagKey"), text(tag, "TagValue"));
        let fits = (1..=128).contains(&key.len()) && value.len() <= 256;
        if !fits || !key.chars().chain(value.chars()).all(legal) || key.starts_with("aws:") {
            return Err(Refused("TagException", format!("{key}={value}")));
        }
        tags.push((key.to_owned(), value.to_owned()));
    }
    Ok(tags)
}

fn page(name: &str, items: &[Value], next: usize, all: usize) -> Value {
    if next < all {
        json!({ name: items, "Truncated": true, "NextMarker": next.to_string() })
    } else {
        json!({ name: items, "Truncated": false })
    }
}

fn not_found(name: &str) -> Refused {
    Refused("NotFoundException", format!("Key '{name}' does not exist"))
}

fn invalid_state(key: &Key) -> Refused {
    let sentence = format!("{} is {}", arn(&key.id), key.state);
    Refused("KMSInvalidStateException", sentence)
}

/// Every request is signed for this service and region; the signature itself is not computed anew.
fn check_signature(request: &Request) -> Result<(), Refused> {
    let authorization = request.header("authorization");
    let of_here = format!("/{REGION}/kms/aws4_request");
    if authorization.is_empty() {
        let sentence = "Request is missing Authentication Token".to_owned();
        return Err(Refused("MissingAuthenticationTokenException", sentence));
    }
    if !authorization.starts_with("AWS4-HMAC-SHA256 Credential=")
        || !authorization.contains(&of_here)
    {
        let sentence = "Credential should be scoped to a valid region".to_owned();
        return Err(Refused("InvalidSignatureException", sentence));
    }
    Ok(())
}
