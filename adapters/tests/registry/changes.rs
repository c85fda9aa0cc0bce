//! Reserving, completing, abandoning, retiring.

use signer_domain::ports::{
    CurrentKey, GeneratedKey, KeyRegistry as _, KeyRegistryError, PendingKey, Reservation,
};
use signer_domain::{HandleId, KeyState, ProviderName, SigningKey, Timestamp};

use crate::support::{
    PLATFORM, Place, all, at, domain, find, generate, handle, name, names, pair, pair_salted,
    pending, reserve,
};

#[tokio::test]
async fn reserves_a_free_name() {
    let place = Place::new();
    let registry = place.open().await;
    let reservation = reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert_eq!(reservation, Reservation::Reserved(pending(PLATFORM, "k1")));
}

#[tokio::test]
async fn a_second_reservation_finds_the_first_with_its_provider() {
    let place = Place::new();
    let registry = place.open().await;
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    let again = registry
        .reserve(&PLATFORM, &name("k1"), ProviderName::Pkcs11, at(9))
        .await
        .unwrap();
    assert_eq!(again, Reservation::AlreadyPending(pending(PLATFORM, "k1")));
    assert_eq!(registry.pending().await.unwrap(), [pending(PLATFORM, "k1")]);
}

#[tokio::test]
async fn reserving_the_name_of_a_key_finds_the_key_in_whatever_state() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let active = reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert_eq!(active, Reservation::Standing(key.clone()));

    let retired = registry.retire(&key, at(2)).await.unwrap();
    let after = reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert_eq!(after, Reservation::Standing(retired));
}

#[tokio::test]
async fn one_key_id_names_one_key_in_each_scope() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let elsewhere = reserve(&registry, domain(1), "k1").await.unwrap();
    assert_eq!(elsewhere, Reservation::Reserved(pending(domain(1), "k1")));
}

#[tokio::test]
async fn the_first_key_completed_in_a_scope_is_active_and_current() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let expected = SigningKey {
        scope: PLATFORM,
        key_id: name("k1"),
        handle_id: handle(PLATFORM, "k1"),
        public_key: pair(PLATFORM, "k1").public_key,
        state: KeyState::Active,
        current: true,
        valid_from: at(1),
        valid_until: None,
        version: 1,
    };
    assert_eq!(key, expected);
    assert_eq!(find(&registry, &expected.handle_id).await, Some(expected));
}

#[tokio::test]
async fn the_mark_goes_to_the_first_completed_not_to_the_first_reserved() {
    let place = Place::new();
    let registry = place.open().await;
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert!(generate(&registry, PLATFORM, "k2").await.current);
    assert!(!generate(&registry, PLATFORM, "k1").await.current);
    assert!(generate(&registry, domain(1), "k1").await.current);
}

#[tokio::test]
async fn completing_again_with_the_same_pair_returns_the_record_as_it_stands() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let (reservation, made) = (pending(PLATFORM, "k1"), pair(PLATFORM, "k1"));
    let again = registry.complete(&reservation, &made, at(7)).await.unwrap();
    assert_eq!(again, key);

    let retired = registry.retire(&key, at(8)).await.unwrap();
    let after = registry.complete(&reservation, &made, at(9)).await.unwrap();
    assert_eq!(after, retired);
}

#[tokio::test]
async fn completing_with_another_pair_is_a_conflict_and_changes_nothing() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let other_key = pair_salted(PLATFORM, "k1", 1);
    let other_handle = GeneratedKey {
        handle_id: handle(PLATFORM, "k2"),
        ..pair(PLATFORM, "k1")
    };
    for other in [other_key, other_handle] {
        let reservation = pending(PLATFORM, "k1");
        let answer = registry.complete(&reservation, &other, at(2)).await;
        assert!(
            matches!(answer, Err(KeyRegistryError::Conflict)),
            "{answer:?}"
        );
    }
    assert_eq!(find(&registry, &key.handle_id).await, Some(key));
}

#[tokio::test]
async fn completing_what_is_not_reserved_is_a_conflict() {
    let place = Place::new();
    let registry = place.open().await;
    let made = pair(PLATFORM, "k1");
    let never = registry
        .complete(&pending(PLATFORM, "k1"), &made, at(1))
        .await;
    assert!(
        matches!(never, Err(KeyRegistryError::Conflict)),
        "{never:?}"
    );

    reserve(&registry, PLATFORM, "k1").await.unwrap();
    registry.abandon(&pending(PLATFORM, "k1")).await.unwrap();
    let abandoned = registry
        .complete(&pending(PLATFORM, "k1"), &made, at(1))
        .await;
    assert!(
        matches!(abandoned, Err(KeyRegistryError::Conflict)),
        "{abandoned:?}"
    );
}

#[tokio::test]
async fn completing_with_a_provider_that_was_not_asked_is_a_conflict() {
    let place = Place::new();
    let registry = place.open().await;
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    let foreign_reservation = PendingKey {
        provider: ProviderName::Pkcs11,
        ..pending(PLATFORM, "k1")
    };
    let foreign_pair = GeneratedKey {
        handle_id: HandleId::parse("pkcs11:x:platform:k1").unwrap(),
        ..pair(PLATFORM, "k1")
    };
    for (reservation, made) in [
        (foreign_reservation.clone(), pair(PLATFORM, "k1")),
        (foreign_reservation, foreign_pair.clone()),
        (pending(PLATFORM, "k1"), foreign_pair),
    ] {
        let answer = registry.complete(&reservation, &made, at(1)).await;
        assert!(
            matches!(answer, Err(KeyRegistryError::Conflict)),
            "{answer:?}"
        );
    }
    assert_eq!(registry.pending().await.unwrap(), [pending(PLATFORM, "k1")]);
}

#[tokio::test]
async fn a_handle_belongs_to_one_name() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    reserve(&registry, PLATFORM, "k2").await.unwrap();
    let taken = pair(PLATFORM, "k1");
    let answer = registry
        .complete(&pending(PLATFORM, "k2"), &taken, at(1))
        .await;
    assert!(
        matches!(answer, Err(KeyRegistryError::Conflict)),
        "{answer:?}"
    );
    assert_eq!(registry.pending().await.unwrap(), [pending(PLATFORM, "k2")]);
}

#[tokio::test]
async fn abandoning_frees_the_name_again_and_again() {
    let place = Place::new();
    let registry = place.open().await;
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    registry.abandon(&pending(PLATFORM, "k1")).await.unwrap();
    registry.abandon(&pending(PLATFORM, "k1")).await.unwrap();
    assert_eq!(registry.pending().await.unwrap(), []);
    let again = reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert_eq!(again, Reservation::Reserved(pending(PLATFORM, "k1")));
}

#[tokio::test]
async fn abandoning_leaves_keys_and_the_reservations_of_others_alone() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    registry.abandon(&pending(PLATFORM, "k1")).await.unwrap();
    assert_eq!(find(&registry, &key.handle_id).await, Some(key));

    reserve(&registry, PLATFORM, "k2").await.unwrap();
    let of_another = PendingKey {
        provider: ProviderName::Pkcs11,
        ..pending(PLATFORM, "k2")
    };
    registry.abandon(&of_another).await.unwrap();
    assert_eq!(registry.pending().await.unwrap(), [pending(PLATFORM, "k2")]);
}

#[tokio::test]
async fn a_retired_key_is_not_current_and_knows_since_when() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let retired = registry.retire(&key, at(5)).await.unwrap();
    let expected = SigningKey {
        state: KeyState::Retired,
        current: false,
        valid_until: Some(at(5)),
        version: 2,
        ..key
    };
    assert_eq!(retired, expected);
    assert_eq!(find(&registry, &expected.handle_id).await, Some(expected));
}

#[tokio::test]
async fn retiring_again_returns_the_record_as_it_stands() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let retired = registry.retire(&key, at(5)).await.unwrap();
    assert_eq!(registry.retire(&key, at(6)).await.unwrap(), retired);
    assert_eq!(registry.retire(&retired, at(7)).await.unwrap(), retired);
}

#[tokio::test]
async fn retiring_by_another_version_or_an_unknown_record_is_a_conflict() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let unknown = SigningKey {
        handle_id: handle(PLATFORM, "k2"),
        ..key.clone()
    };
    let versions = [0, 2, u64::MAX].map(|version| SigningKey {
        version,
        ..key.clone()
    });
    for believed in versions.into_iter().chain([unknown]) {
        let answer = registry.retire(&believed, at(5)).await;
        assert!(
            matches!(answer, Err(KeyRegistryError::Conflict)),
            "{answer:?}"
        );
    }
    assert_eq!(find(&registry, &key.handle_id).await, Some(key));
}

#[tokio::test]
async fn a_clock_that_went_back_does_not_keep_a_key_from_being_retired() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let retired = registry.retire(&key, at(-1_000_000)).await.unwrap();
    assert_eq!(retired.valid_until, Some(at(-1_000_000)));
}

#[tokio::test]
async fn the_next_key_after_a_retired_current_one_becomes_current() {
    let place = Place::new();
    let registry = place.open().await;
    let first = generate(&registry, PLATFORM, "k1").await;
    let bystander = generate(&registry, PLATFORM, "k2").await;
    registry.retire(&first, at(2)).await.unwrap();
    assert_eq!(
        registry.current(&PLATFORM).await.unwrap(),
        CurrentKey::Retired
    );

    assert!(generate(&registry, PLATFORM, "k3").await.current);
    let bystander_now = find(&registry, &bystander.handle_id).await.unwrap();
    assert!(!bystander_now.current);
}

#[tokio::test]
async fn keeps_instants_to_the_microsecond() {
    let place = Place::new();
    let registry = place.open().await;
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    let precise: Timestamp = "2026-11-23T12:34:56.123456789Z".parse().unwrap();
    let kept: Timestamp = "2026-11-23T12:34:56.123456Z".parse().unwrap();
    let (reservation, made) = (pending(PLATFORM, "k1"), pair(PLATFORM, "k1"));
    let key = registry
        .complete(&reservation, &made, precise)
        .await
        .unwrap();
    assert_eq!(key.valid_from, kept);
    assert_eq!(find(&registry, &key.handle_id).await.unwrap(), key);
    assert_eq!(names(&registry, all(9)).await, [["k1"]]);
}
