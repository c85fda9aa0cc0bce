//! What the cases share, and the tests of single stores with them.

use std::num::NonZeroU32;

use jiff::Timestamp;
use signer_domain::ports::{
    Completed, CurrentKey, GeneratedKey, KeyQuery, KeyRegistry, KeyRegistryError, PendingKey,
    Purpose, Reservation, WantedKey,
};
use signer_domain::{
    HandleId, KeyId, ProviderName, PublicKey, RotationTransition, Scope, SigningKey,
};

/// The scope of most keys.
pub const PLATFORM: Scope = Scope::Platform;

/// The scope of a domain.
pub fn domain(number: u128) -> Scope {
    format!("domain:00000000-0000-4000-8000-{number:012x}")
        .parse()
        .unwrap()
}

/// The name of a key.
pub fn name(text: &str) -> KeyId {
    KeyId::parse(text).unwrap()
}

/// The instant `seconds` after some fixed one.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// The pair that the software provider would make for a name; `salt` makes it another one.
pub fn pair_salted(scope: Scope, key_id: &str, salt: u8) -> GeneratedKey {
    let rest = format!("{scope}|{key_id}");
    let mut bytes = [salt; 32];
    for (index, byte) in rest.bytes().enumerate() {
        bytes[index % 31 + 1] ^= byte.rotate_left(u32::try_from(index / 31).unwrap());
    }
    GeneratedKey {
        handle_id: HandleId::from_parts(ProviderName::new("software"), rest).unwrap(),
        public_key: PublicKey::from_bytes(bytes),
    }
}

/// The pair that the software provider would make for a name.
pub fn pair(scope: Scope, key_id: &str) -> GeneratedKey {
    pair_salted(scope, key_id, 0)
}

/// The handle of that pair.
pub fn handle(scope: Scope, key_id: &str) -> HandleId {
    pair(scope, key_id).handle_id
}

/// A name that is wanted of a provider for a key that is generated.
pub fn wanted(scope: Scope, key_id: &str, provider: ProviderName, at: Timestamp) -> WantedKey {
    WantedKey {
        scope,
        key_id: name(key_id),
        provider,
        purpose: Purpose::Generate,
        at,
    }
}

/// Reserves a name.
///
/// # Errors
/// As the registry.
pub async fn reserve<R: KeyRegistry>(
    registry: &R,
    scope: Scope,
    key_id: &str,
) -> Result<Reservation, KeyRegistryError> {
    let wanted = wanted(scope, key_id, ProviderName::new("software"), at(0));
    registry.reserve(&wanted).await
}

/// The reservation of a name: a new one, or the one that stands.
pub async fn reserved<R: KeyRegistry>(registry: &R, scope: Scope, key_id: &str) -> PendingKey {
    match reserve(registry, scope, key_id).await.unwrap() {
        Reservation::Reserved(pending) | Reservation::AlreadyPending(pending) => pending,
        Reservation::Completed(earlier) => panic!("{earlier:?} stands"),
        Reservation::Refused(refused) => panic!("{refused:?} in {scope}"),
    }
}

/// Completes the reservation of a key that is generated.
///
/// # Errors
/// As the registry.
pub async fn complete<R: KeyRegistry>(
    registry: &R,
    pending: &PendingKey,
    made: &GeneratedKey,
    at: Timestamp,
) -> Result<SigningKey, KeyRegistryError> {
    let completed = registry.complete(pending, made, at, at).await?;
    assert_eq!(completed.rotation, None);
    Ok(completed.key)
}

/// Completes the reservation of a rotation.
///
/// # Errors
/// As the registry.
pub async fn open_rotation<R: KeyRegistry>(
    registry: &R,
    pending: &PendingKey,
    made: &GeneratedKey,
    at: Timestamp,
    closes_at: Timestamp,
) -> Result<RotationTransition, KeyRegistryError> {
    let completed = registry.complete(pending, made, at, closes_at).await?;
    let rotation = completed.rotation.unwrap();
    assert_eq!(completed.key.handle_id, rotation.new_handle_id);
    Ok(rotation)
}

/// What is found under the name of a key.
pub const fn completed(key: SigningKey, rotation: Option<RotationTransition>) -> Reservation {
    Reservation::Completed(Completed { key, rotation })
}

/// Reserves and completes a key.
pub async fn generate<R: KeyRegistry>(registry: &R, scope: Scope, key_id: &str) -> SigningKey {
    let pending = reserved(registry, scope, key_id).await;
    complete(registry, &pending, &pair(scope, key_id), at(1))
        .await
        .unwrap()
}

/// Reserves a rotation.
pub async fn reserve_rotation<R: KeyRegistry>(
    registry: &R,
    scope: Scope,
    new_key_id: &str,
) -> Reservation {
    let wanted = WantedKey {
        purpose: Purpose::Rotate,
        ..wanted(scope, new_key_id, ProviderName::new("software"), at(10))
    };
    registry.reserve(&wanted).await.unwrap()
}

/// The reservation of a rotation: a new one, or the one that stands.
pub async fn rotation_reserved<R: KeyRegistry>(
    registry: &R,
    scope: Scope,
    new_key_id: &str,
) -> PendingKey {
    let answer = reserve_rotation(registry, scope, new_key_id).await;
    let (Reservation::Reserved(pending) | Reservation::AlreadyPending(pending)) = answer else {
        panic!("{answer:?}");
    };
    pending
}

/// Opens the rotation to a new key, from the 11th second to the 20th.
pub async fn rotate<R: KeyRegistry>(
    registry: &R,
    scope: Scope,
    new_key_id: &str,
) -> RotationTransition {
    let pending = rotation_reserved(registry, scope, new_key_id).await;
    let made = pair(scope, new_key_id);
    let opening = open_rotation(registry, &pending, &made, at(11), at(20));
    opening.await.unwrap()
}

/// The current key of a scope, if it has one.
pub async fn current<R: KeyRegistry>(registry: &R, scope: Scope) -> Option<SigningKey> {
    match registry.current(&scope).await.unwrap() {
        CurrentKey::Key(key) => Some(key),
        CurrentKey::Retired | CurrentKey::Unknown => None,
    }
}

/// The record of a handle.
pub async fn find<R: KeyRegistry>(registry: &R, handle: &HandleId) -> Option<SigningKey> {
    registry.find(handle).await.unwrap()
}

/// All keys, so many a page.
pub fn all(limit: u32) -> KeyQuery {
    KeyQuery {
        scope: None,
        state: None,
        limit: NonZeroU32::new(limit).unwrap(),
        after: None,
    }
}

/// The names of the keys that a query finds, page by page.
pub async fn names<R: KeyRegistry>(registry: &R, mut query: KeyQuery) -> Vec<Vec<String>> {
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
