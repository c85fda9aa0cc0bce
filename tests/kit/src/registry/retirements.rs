//! The notes of retirements that were begun.

use signer_domain::ports::{
    KeyRegistry, KeyRegistryError, RegistryStore as _, RetirementStage, Retirements as _,
    RotationRecords as _,
};
use signer_domain::{KeyMark, KeyState, SigningKey};

use super::RegistryFixture;
use super::support::{
    PLATFORM, at, current, domain, find, generate, handle, reserved, rotate, rotation_reserved,
};

async fn furnished<F: RegistryFixture>() -> (F, F::Registry, SigningKey) {
    let place = F::fresh().await;
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    (place, registry, key)
}

async fn begun<R: KeyRegistry>(registry: &R) -> Vec<SigningKey> {
    registry
        .unsettled_retirements(RetirementStage::Begun)
        .await
        .unwrap()
}

/// The record of a key whose retirement has begun.
fn blocked(key: &SigningKey) -> SigningKey {
    let mut blocked = key.clone();
    blocked.marks.blocked = true;
    blocked.version += 1;
    blocked
}

pub async fn a_retirement_that_was_begun_is_shown_and_the_key_is_blocked<F: RegistryFixture>() {
    let (place, registry, key) = furnished::<F>().await;
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

pub async fn beginning_again_changes_nothing<F: RegistryFixture>() {
    let (_place, registry, key) = furnished::<F>().await;
    let noted = registry.begin_retirement(&key.handle_id).await.unwrap();
    let changes = registry.newest_change();
    let again = registry.begin_retirement(&key.handle_id).await.unwrap();
    assert_eq!(again, noted);
    assert_eq!(registry.newest_change(), changes);
    assert_eq!(begun(&registry).await, [noted]);
}

pub async fn a_retired_key_is_past_beginning<F: RegistryFixture>() {
    let (_place, registry, key) = furnished::<F>().await;
    let retired = registry.retire(&key, at(5)).await.unwrap();
    let answer = registry.begin_retirement(&key.handle_id).await.unwrap();
    assert_eq!(answer, retired);
    assert_eq!(begun(&registry).await, []);
    assert_eq!(find(&registry, &key.handle_id).await, Some(retired));
}

pub async fn the_retirement_of_what_is_no_key_is_a_conflict<F: RegistryFixture>() {
    let (_place, registry, _) = furnished::<F>().await;
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

pub async fn no_mark_that_is_taken_away_ends_what_was_begun<F: RegistryFixture>() {
    let (_place, registry, key) = furnished::<F>().await;
    let noted = registry.begin_retirement(&key.handle_id).await.unwrap();
    for _ in 0..2 {
        let kept = registry.unmark(&key.handle_id, KeyMark::Blocked).await;
        assert_eq!(kept.unwrap(), noted);
    }
    assert_eq!(begun(&registry).await, [noted]);
}

pub async fn the_retirement_of_the_new_key_of_an_open_rotation_is_not_begun<F: RegistryFixture>() {
    let (_place, registry, _) = furnished::<F>().await;
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

pub async fn a_key_whose_retirement_was_begun_may_be_superseded_and_the_note_stands<
    F: RegistryFixture,
>() {
    let (_place, registry, key) = furnished::<F>().await;
    registry.begin_retirement(&key.handle_id).await.unwrap();
    rotate(&registry, PLATFORM, "k2").await;
    let rotating = find(&registry, &key.handle_id).await.unwrap();
    assert_eq!(rotating.state, KeyState::Rotating);
    assert_eq!(begun(&registry).await, std::slice::from_ref(&rotating));
    registry.retire(&rotating, at(15)).await.unwrap();
    assert_eq!(begun(&registry).await, []);
}

pub async fn closing_a_rotation_settles_what_was_begun_and_leaves_the_provider_to_be_told<
    F: RegistryFixture,
>() {
    let (_place, registry, key) = furnished::<F>().await;
    let pending = rotation_reserved(&registry, PLATFORM, "k2").await;
    registry.begin_retirement(&key.handle_id).await.unwrap();
    let transition = rotate(&registry, PLATFORM, "k2").await;
    assert_eq!(transition.new_key_id, pending.key_id);
    registry.close_rotation(&transition, at(15)).await.unwrap();
    assert_eq!(begun(&registry).await, []);
    let unconfirmed = registry
        .unsettled_retirements(RetirementStage::Unconfirmed)
        .await
        .unwrap();
    assert_eq!(unconfirmed.len(), 1);
    assert_eq!(unconfirmed[0].handle_id, key.handle_id);
}

pub async fn shows_begun_retirements_in_the_order_of_their_keys<F: RegistryFixture>() {
    let (_place, registry, first) = furnished::<F>().await;
    let second = generate(&registry, PLATFORM, "k2").await;
    let third = generate(&registry, domain(1), "k1").await;
    for key in [&third, &first, &second] {
        registry.begin_retirement(&key.handle_id).await.unwrap();
    }
    let all = [first, second, third].map(|key| blocked(&key));
    assert_eq!(begun(&registry).await, all);
}
