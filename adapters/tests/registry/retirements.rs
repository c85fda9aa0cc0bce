//! The notes of retirements that were begun.

use signer_adapters::registry::SqliteRegistry;
use signer_domain::ports::{
    KeyRegistry as _, KeyRegistryError, RetirementNote, RotationRegistry as _,
};
use signer_domain::{KeyState, SigningKey};

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

#[tokio::test]
async fn a_retirement_that_was_begun_is_shown_and_the_key_is_what_it_was() {
    let (place, registry, key) = furnished().await;
    assert_eq!(begun(&registry).await, []);
    let note = registry.begin_retirement(&key).await.unwrap();
    assert_eq!(note, RetirementNote::New);
    assert_eq!(begun(&registry).await, std::slice::from_ref(&key));
    assert_eq!(
        find(&registry, &key.handle_id).await.as_ref(),
        Some(&key),
        "also its version"
    );
    assert_eq!(current(&registry, PLATFORM).await.as_ref(), Some(&key));
    drop(registry);

    let registry = place.open().await;
    assert_eq!(begun(&registry).await, std::slice::from_ref(&key));
    registry.retire(&key, at(5)).await.unwrap();
    assert_eq!(begun(&registry).await, []);
}

#[tokio::test]
async fn beginning_again_changes_nothing() {
    let (_place, registry, key) = furnished().await;
    registry.begin_retirement(&key).await.unwrap();
    let changes = registry.changes().last();
    let outdated = SigningKey {
        version: 7,
        ..key.clone()
    };
    for again in [&key, &outdated] {
        let note = registry.begin_retirement(again).await.unwrap();
        assert_eq!(note, RetirementNote::Standing);
    }
    assert_eq!(registry.changes().last(), changes);
    assert_eq!(begun(&registry).await, [key]);
}

#[tokio::test]
async fn a_retired_key_is_past_beginning() {
    let (_place, registry, key) = furnished().await;
    let retired = registry.retire(&key, at(5)).await.unwrap();
    for believed in [&key, &retired] {
        let note = registry.begin_retirement(believed).await.unwrap();
        assert_eq!(note, RetirementNote::Standing);
    }
    assert_eq!(begun(&registry).await, []);
    assert_eq!(find(&registry, &key.handle_id).await, Some(retired));
}

#[tokio::test]
async fn the_retirement_of_what_is_no_key_is_a_conflict() {
    let (_place, registry, key) = furnished().await;
    reserved(&registry, PLATFORM, "k2").await;
    for unknown in ["k2", "k3"] {
        let believed = SigningKey {
            handle_id: handle(PLATFORM, unknown),
            ..key.clone()
        };
        let answer = registry.begin_retirement(&believed).await;
        assert!(
            matches!(answer, Err(KeyRegistryError::Conflict)),
            "{answer:?}"
        );
    }
    assert_eq!(begun(&registry).await, []);
}

#[tokio::test]
async fn a_retirement_that_was_cancelled_is_as_if_it_had_not_been_begun() {
    let (place, registry, key) = furnished().await;
    let other = generate(&registry, domain(1), "k1").await;
    for one in [&key, &other] {
        registry.begin_retirement(one).await.unwrap();
    }
    for _ in 0..2 {
        registry.cancel_retirement(&key.handle_id).await.unwrap();
        assert_eq!(begun(&registry).await, std::slice::from_ref(&other));
    }
    let changes = registry.changes().last();
    for unrelated in [&key.handle_id, &handle(PLATFORM, "k9")] {
        registry.cancel_retirement(unrelated).await.unwrap();
    }
    assert_eq!(registry.changes().last(), changes, "nothing changed");
    drop(registry);
    let registry = place.open().await;
    assert_eq!(begun(&registry).await, [other]);
    assert_eq!(find(&registry, &key.handle_id).await.as_ref(), Some(&key));
    let note = registry.begin_retirement(&key).await.unwrap();
    assert_eq!(note, RetirementNote::New);
}

#[tokio::test]
async fn cancelling_does_not_bring_a_retired_key_back() {
    let (_place, registry, key) = furnished().await;
    registry.begin_retirement(&key).await.unwrap();
    let retired = registry.retire(&key, at(5)).await.unwrap();
    registry.cancel_retirement(&key.handle_id).await.unwrap();
    assert_eq!(find(&registry, &key.handle_id).await, Some(retired));
}

#[tokio::test]
async fn the_retirement_of_the_new_key_of_an_open_rotation_is_not_begun() {
    let (_place, registry, _) = furnished().await;
    let transition = rotate(&registry, PLATFORM, "k2").await;
    let new = current(&registry, PLATFORM).await.unwrap();
    let answer = registry.begin_retirement(&new).await;
    assert!(
        matches!(answer, Err(KeyRegistryError::RotationInProgress)),
        "{answer:?}"
    );
    assert_eq!(begun(&registry).await, []);
    registry.close_rotation(&transition, at(13)).await.unwrap();
    registry.begin_retirement(&new).await.unwrap();
    assert_eq!(begun(&registry).await, [new]);
}

#[tokio::test]
async fn a_key_whose_retirement_was_begun_may_be_superseded_and_the_note_stands() {
    let (_place, registry, key) = furnished().await;
    registry.begin_retirement(&key).await.unwrap();
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
    registry.begin_retirement(&key).await.unwrap();
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
        registry.begin_retirement(key).await.unwrap();
    }
    assert_eq!(begun(&registry).await, [first, second, third]);
}
