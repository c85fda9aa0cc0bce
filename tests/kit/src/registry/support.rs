//! What the cases share, and the tests of single stores with them.

use std::num::NonZeroU32;

use jiff::Timestamp;
use signer_domain::ports::{
    CurrentKey, GeneratedKey, KeyQuery, KeyRegistry, KeyRegistryError, PendingKey, Reservation,
    RotationReservation,
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

/// Reserves a name.
///
/// # Errors
/// As the registry.
pub async fn reserve<R: KeyRegistry>(
    registry: &R,
    scope: Scope,
    key_id: &str,
) -> Result<Reservation, KeyRegistryError> {
    let software = ProviderName::new("software");
    registry
        .reserve(&scope, &name(key_id), software, at(0))
        .await
}

/// The reservation of a name: a new one, or the one that stands.
pub async fn reserved<R: KeyRegistry>(registry: &R, scope: Scope, key_id: &str) -> PendingKey {
    match reserve(registry, scope, key_id).await.unwrap() {
        Reservation::Reserved(pending) | Reservation::AlreadyPending(pending) => pending,
        Reservation::Standing(key) => panic!("{key:?} stands"),
        Reservation::RotationInProgress => panic!("{scope} is being rotated"),
    }
}

/// Reserves and completes a key.
pub async fn generate<R: KeyRegistry>(registry: &R, scope: Scope, key_id: &str) -> SigningKey {
    let pending = reserved(registry, scope, key_id).await;
    registry
        .complete(&pending, &pair(scope, key_id), at(1))
        .await
        .unwrap()
}

/// Reserves a rotation.
pub async fn reserve_rotation<R: KeyRegistry>(
    registry: &R,
    scope: Scope,
    new_key_id: &str,
) -> RotationReservation {
    let software = ProviderName::new("software");
    registry
        .reserve_rotation(&scope, &name(new_key_id), software, at(10))
        .await
        .unwrap()
}

/// The reservation of a rotation: a new one, or the one that stands.
pub async fn rotation_reserved<R: KeyRegistry>(
    registry: &R,
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
pub async fn rotate<R: KeyRegistry>(
    registry: &R,
    scope: Scope,
    new_key_id: &str,
) -> RotationTransition {
    let pending = rotation_reserved(registry, scope, new_key_id).await;
    let made = pair(scope, new_key_id);
    let opening = registry.open_rotation(&pending, &made, at(11), at(20));
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
