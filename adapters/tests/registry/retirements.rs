//! The notes of retirements that were begun.

use signer_adapters::registry::SqliteRegistry;
use signer_domain::ports::{KeyRegistry as _, KeyRegistryError, RotationRegistry as _};
use signer_domain::{KeyMark, KeyState, SigningKey};

use crate::support::{
    PLATFORM, Place, at, current, domain, find, generate, handle, reserved, rotate,
    rotation_reserved,
};

async fn furnished() -> (Place, SqliteRegistry, SigningKey) {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    (place, registry, key)
}

async fn begun(registry: &SqliteRegistry) -> Vec<SigningKey> {
    registry.begun_retirements().await.unwrap()
}

/// The record of a key whose retirement has begun.
fn blocked(key: &SigningKey) -> SigningKey {
    let mut blocked = key.clone();
    blocked.marks.blocked = true;
    blocked.version += 1;
    blocked
}

#[tokio::test]
async fn a_retirement_that_was_begun_is_shown_and_the_key_is_blocked() {
    let (place, registry, key) = furnished().await;
    assert_eq!(begun(&registry).await, []);
    let noted = registry.begin_retirement(&key.handle_id).await.unwrap();
    assert_eq!(noted, blocked(&key));
    assert_eq!(begun(&registry).await, std::slice::from_ref(&noted));
    assert_eq!(find(&registry, &key.handle_id).await.as_ref(), Some(&noted));
    assert_eq!(current(&registry, PLATFORM).await.as_ref(), Some(&noted));
    drop(registry);

    let registry = place.open().await;
    assert_eq!(begun(&registry).await, std::slice::from_ref(&noted));
    registry.retire(&noted, at(5)).await.unwrap();
    assert_eq!(begun(&registry).await, []);
}

#[tokio::test]
async fn beginning_again_changes_nothing() {
    let (_place, registry, key) = furnished().await;
    let noted = registry.begin_retirement(&key.handle_id).await.unwrap();
    let changes = registry.changes().last();
    let again = registry.begin_retirement(&key.handle_id).await.unwrap();
    assert_eq!(again, noted);
    assert_eq!(registry.changes().last(), changes);
    assert_eq!(begun(&registry).await, [noted]);
}

#[tokio::test]
async fn a_retired_key_is_past_beginning() {
    let (_place, registry, key) = furnished().await;
    let retired = registry.retire(&key, at(5)).await.unwrap();
    let answer = registry.begin_retirement(&key.handle_id).await.unwrap();
    assert_eq!(answer, retired);
    assert_eq!(begun(&registry).await, []);
    assert_eq!(find(&registry, &key.handle_id).await, Some(retired));
}

#[tokio::test]
async fn the_retirement_of_what_is_no_key_is_a_conflict() {
    let (_place, registry, _) = furnished().await;
    reserved(&registry, PLATFORM, "k2").await;
    for unknown in ["k2", "k3"] {
        let answer = registry.begin_retirement(&handle(PLATFORM, unknown)).await;
        assert!(
            matches!(answer, Err(KeyRegistryError::Conflict)),
            "{answer:?}"
        );
    }
    assert_eq!(begun(&registry).await, []);
}

#[tokio::test]
async fn no_mark_that_is_taken_away_ends_what_was_begun() {
    let (_place, registry, key) = furnished().await;
    let noted = registry.begin_retirement(&key.handle_id).await.unwrap();
    for _ in 0..2 {
        let kept = registry.unmark(&key.handle_id, KeyMark::Blocked).await;
        assert_eq!(kept.unwrap(), noted);
    }
    assert_eq!(begun(&registry).await, [noted]);
}

#[tokio::test]
async fn the_retirement_of_the_new_key_of_an_open_rotation_is_not_begun() {
    let (_place, registry, _) = furnished().await;
    let transition = rotate(&registry, PLATFORM, "k2").await;
    let new = current(&registry, PLATFORM).await.unwrap();
    let answer = registry.begin_retirement(&new.handle_id).await;
    assert!(
        matches!(answer, Err(KeyRegistryError::RotationInProgress)),
        "{answer:?}"
    );
    assert_eq!(begun(&registry).await, []);
    registry.close_rotation(&transition, at(13)).await.unwrap();
    registry.begin_retirement(&new.handle_id).await.unwrap();
    assert_eq!(begun(&registry).await, [blocked(&new)]);
}

#[tokio::test]
async fn a_key_whose_retirement_was_begun_may_be_superseded_and_the_note_stands() {
    let (_place, registry, key) = furnished().await;
    registry.begin_retirement(&key.handle_id).await.unwrap();
    rotate(&registry, PLATFORM, "k2").await;
    let rotating = find(&registry, &key.handle_id).await.unwrap();
    assert_eq!(rotating.state, KeyState::Rotating);
    assert_eq!(begun(&registry).await, std::slice::from_ref(&rotating));
    registry.retire(&rotating, at(15)).await.unwrap();
    assert_eq!(begun(&registry).await, []);
}

#[tokio::test]
async fn closing_a_rotation_settles_what_was_begun_and_leaves_the_provider_to_be_told() {
    let (_place, registry, key) = furnished().await;
    let pending = rotation_reserved(&registry, PLATFORM, "k2").await;
    registry.begin_retirement(&key.handle_id).await.unwrap();
    let transition = rotate(&registry, PLATFORM, "k2").await;
    assert_eq!(transition.new_key_id, pending.key_id);
    registry.close_rotation(&transition, at(15)).await.unwrap();
    assert_eq!(begun(&registry).await, []);
    let unconfirmed = registry.unconfirmed_retirements().await.unwrap();
    assert_eq!(unconfirmed.len(), 1);
    assert_eq!(unconfirmed[0].handle_id, key.handle_id);
}

#[tokio::test]
async fn shows_begun_retirements_in_the_order_of_their_keys() {
    let (_place, registry, first) = furnished().await;
    let second = generate(&registry, PLATFORM, "k2").await;
    let third = generate(&registry, domain(1), "k1").await;
    for key in [&third, &first, &second] {
        registry.begin_retirement(&key.handle_id).await.unwrap();
    }
    let all = [first, second, third].map(|key| blocked(&key));
    assert_eq!(begun(&registry).await, all);
}
