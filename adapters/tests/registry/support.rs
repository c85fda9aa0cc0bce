//! What the tests of the registry share.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroU32;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use signer_adapters::registry::{OpenRegistryError, RegistryUrl, SqliteRegistry};
use signer_domain::ports::{
    CurrentKey, GeneratedKey, KeyQuery, KeyRegistry as _, KeyRegistryError, PendingKey,
    Reservation, RotationRegistry as _, RotationReservation,
};
use signer_domain::{
    HandleId, KeyId, ProviderName, PublicKey, RotationTransition, Scope, SigningKey,
};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use tempfile::TempDir;

/// A directory with room for one registry.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("registry.db")
    }

    pub(crate) fn directory(&self) -> &Path {
        self.0.path()
    }

    pub(crate) async fn open(&self) -> SqliteRegistry {
        open(&self.path()).await.unwrap()
    }

    /// Opens the file without the registry's help.
    pub(crate) async fn open_raw(&self) -> SqliteConnection {
        let raw = SqliteConnectOptions::new().filename(self.path());
        raw.create_if_missing(true).connect().await.unwrap()
    }

    /// Everything in the directory: names, contents, modes and times.
    pub(crate) fn snapshot(&self) -> BTreeMap<PathBuf, Facts> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(self.directory()).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            let mut content = DefaultHasher::new();
            if metadata.is_file() {
                std::fs::read(&path).unwrap().hash(&mut content);
            }
            let facts = Facts {
                length: metadata.len(),
                content: content.finish(),
                mode: metadata.mode(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
            };
            files.insert(path, facts);
        }
        files
    }
}

/// What can be told apart about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    length: u64,
    content: u64,
    pub(crate) mode: u32,
    modified: (i64, i64),
}

pub(crate) fn url(path: &Path) -> RegistryUrl {
    RegistryUrl::parse(&format!("sqlite:{}", path.display())).unwrap()
}

pub(crate) async fn open(path: &Path) -> Result<SqliteRegistry, OpenRegistryError> {
    SqliteRegistry::open(&url(path)).await
}

pub(crate) const PLATFORM: Scope = Scope::Platform;

pub(crate) fn domain(number: u128) -> Scope {
    format!("domain:00000000-0000-4000-8000-{number:012x}")
        .parse()
        .unwrap()
}

pub(crate) fn name(text: &str) -> KeyId {
    KeyId::parse(text).unwrap()
}

/// The instant `seconds` after some fixed one.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// The pair that the software provider would make for a name; `salt` makes it another one.
pub(crate) fn pair_salted(scope: Scope, key_id: &str, salt: u8) -> GeneratedKey {
    let rest = format!("{scope}|{key_id}");
    let mut bytes = [salt; 32];
    for (index, byte) in rest.bytes().enumerate() {
        bytes[index % 31 + 1] ^= byte.rotate_left(u32::try_from(index / 31).unwrap());
    }
    GeneratedKey {
        handle_id: HandleId::from_parts(ProviderName::Software, rest).unwrap(),
        public_key: PublicKey::from_bytes(bytes),
    }
}

pub(crate) fn pair(scope: Scope, key_id: &str) -> GeneratedKey {
    pair_salted(scope, key_id, 0)
}

pub(crate) fn handle(scope: Scope, key_id: &str) -> HandleId {
    pair(scope, key_id).handle_id
}

pub(crate) async fn reserve(
    registry: &SqliteRegistry,
    scope: Scope,
    key_id: &str,
) -> Result<Reservation, KeyRegistryError> {
    let software = ProviderName::Software;
    registry
        .reserve(&scope, &name(key_id), software, at(0))
        .await
}

/// The reservation of a name: a new one, or the one that stands.
pub(crate) async fn reserved(registry: &SqliteRegistry, scope: Scope, key_id: &str) -> PendingKey {
    match reserve(registry, scope, key_id).await.unwrap() {
        Reservation::Reserved(pending) | Reservation::AlreadyPending(pending) => pending,
        Reservation::Standing(key) => panic!("{key:?} stands"),
        Reservation::RotationInProgress => panic!("{scope} is being rotated"),
    }
}

/// Reserves and completes a key.
pub(crate) async fn generate(registry: &SqliteRegistry, scope: Scope, key_id: &str) -> SigningKey {
    let pending = reserved(registry, scope, key_id).await;
    registry
        .complete(&pending, &pair(scope, key_id), at(1))
        .await
        .unwrap()
}

pub(crate) async fn reserve_rotation(
    registry: &SqliteRegistry,
    scope: Scope,
    new_key_id: &str,
) -> RotationReservation {
    let software = ProviderName::Software;
    registry
        .reserve_rotation(&scope, &name(new_key_id), software, at(10))
        .await
        .unwrap()
}

/// The reservation of a rotation: a new one, or the one that stands.
pub(crate) async fn rotation_reserved(
    registry: &SqliteRegistry,
    scope: Scope,
    new_key_id: &str,
) -> PendingKey {
    let answer = reserve_rotation(registry, scope, new_key_id).await;
    let (RotationReservation::Reserved(pending) | RotationReservation::AlreadyPending(pending)) =
        answer
    else {
        panic!("{answer:?}");
    };
    pending
}

/// Opens the rotation to a new key, from the 11th second to the 20th.
pub(crate) async fn rotate(
    registry: &SqliteRegistry,
    scope: Scope,
    new_key_id: &str,
) -> RotationTransition {
    let pending = rotation_reserved(registry, scope, new_key_id).await;
    let made = pair(scope, new_key_id);
    let opening = registry.open_rotation(&pending, &made, at(11), at(20));
    opening.await.unwrap()
}

/// The current key of a scope, if it has one.
pub(crate) async fn current(registry: &SqliteRegistry, scope: Scope) -> Option<SigningKey> {
    match registry.current(&scope).await.unwrap() {
        CurrentKey::Key(key) => Some(key),
        CurrentKey::Retired | CurrentKey::Unknown => None,
    }
}

pub(crate) async fn find(registry: &SqliteRegistry, handle: &HandleId) -> Option<SigningKey> {
    registry.find(handle).await.unwrap()
}

pub(crate) fn all(limit: u32) -> KeyQuery {
    KeyQuery {
        scope: None,
        state: None,
        limit: NonZeroU32::new(limit).unwrap(),
        after: None,
    }
}

/// The names of the keys that a query finds, page by page.
pub(crate) async fn names(registry: &SqliteRegistry, mut query: KeyQuery) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    loop {
        let page = registry.list(&query).await.unwrap();
        pages.push(page.keys.iter().map(|key| key.key_id.to_string()).collect());
        match page.next {
            Some(cursor) => query.after = Some(cursor),
            None => return pages,
        }
    }
}
