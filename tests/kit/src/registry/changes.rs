//! Reserving, completing, abandoning, retiring.

use signer_domain::ports::{
    Abandonment, CurrentKey, GeneratedKey, KeyRecords as _, KeyRegistry, KeyRegistryError,
    PendingKey, Reservation, Reservations as _, Retirements as _,
};
use signer_domain::{HandleId, KeyMarks, KeyState, ProviderName, SigningKey, Timestamp};

use super::RegistryFixture;
use super::support::{
    PLATFORM, all, at, complete, completed, domain, find, generate, handle, name, names, pair,
    pair_salted, reserve, reserved, wanted,
};

pub async fn reserves_a_free_name<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let answer = reserve(&registry, PLATFORM, "k1").await.unwrap();
    let Reservation::Reserved(pending) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!((pending.scope, pending.key_id.as_str()), (PLATFORM, "k1"));
    assert_eq!(pending.provider, ProviderName::new("software"));
    assert_eq!(registry.pending().await.unwrap(), [pending]);
}

pub async fn a_second_reservation_finds_the_first_with_its_provider<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let first = reserved(&registry, PLATFORM, "k1").await;
    let wanted = wanted(PLATFORM, "k1", ProviderName::new("pkcs11"), at(9));
    let again = registry.reserve(&wanted).await.unwrap();
    assert_eq!(again, Reservation::AlreadyPending(first.clone()));
    assert_eq!(registry.pending().await.unwrap(), [first]);
}

pub async fn reserving_the_name_of_a_key_finds_the_key_in_whatever_state<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let active = reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert_eq!(active, completed(key.clone(), None));

    let retired = registry.retire(&key, at(2)).await.unwrap();
    let after = reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert_eq!(after, completed(retired, None));
}

pub async fn one_key_id_names_one_key_in_each_scope<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let elsewhere = reserve(&registry, domain(1), "k1").await.unwrap();
    assert!(
        matches!(elsewhere, Reservation::Reserved(_)),
        "{elsewhere:?}"
    );
}

pub async fn the_first_key_completed_in_a_scope_is_active_and_current<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let expected = SigningKey {
        scope: PLATFORM,
        key_id: name("k1"),
        handle_id: handle(PLATFORM, "k1"),
        public_key: pair(PLATFORM, "k1").public_key,
        state: KeyState::Active,
        current: true,
        marks: KeyMarks::default(),
        valid_from: at(1),
        valid_until: None,
        version: 1,
    };
    assert_eq!(key, expected);
    assert_eq!(find(&registry, &expected.handle_id).await, Some(expected));
}

pub async fn the_mark_goes_to_the_first_completed_not_to_the_first_reserved<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert!(generate(&registry, PLATFORM, "k2").await.current);
    assert!(!generate(&registry, PLATFORM, "k1").await.current);
    assert!(generate(&registry, domain(1), "k1").await.current);
}

pub async fn completing_again_with_the_same_pair_returns_the_record_as_it_stands<
    F: RegistryFixture,
>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let reservation = reserved(&registry, PLATFORM, "k1").await;
    let made = pair(PLATFORM, "k1");
    let key = complete(&registry, &reservation, &made, at(1))
        .await
        .unwrap();
    let again = complete(&registry, &reservation, &made, at(7))
        .await
        .unwrap();
    assert_eq!(again, key);

    let retired = registry.retire(&key, at(8)).await.unwrap();
    let after = complete(&registry, &reservation, &made, at(9))
        .await
        .unwrap();
    assert_eq!(after, retired);
}

pub async fn completing_with_another_pair_is_a_conflict_and_changes_nothing<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let reservation = reserved(&registry, PLATFORM, "k1").await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let other_key = pair_salted(PLATFORM, "k1", 1);
    let other_handle = GeneratedKey {
        handle_id: handle(PLATFORM, "k2"),
        ..pair(PLATFORM, "k1")
    };
    for other in [other_key, other_handle] {
        let answer = complete(&registry, &reservation, &other, at(2)).await;
        assert!(
            matches!(answer, Err(KeyRegistryError::Conflict)),
            "{answer:?}"
        );
    }
    assert_eq!(find(&registry, &key.handle_id).await, Some(key));
}

pub async fn completing_what_is_not_reserved_is_a_conflict<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let gone = reserved(&registry, PLATFORM, "k1").await;
    registry.abandon(&gone).await.unwrap();
    for reservation in [gone.reservation, 0, u64::MAX] {
        let gone = PendingKey {
            reservation,
            ..gone.clone()
        };
        let made = pair(PLATFORM, "k1");
        let answer = complete(&registry, &gone, &made, at(1)).await;
        assert!(
            matches!(answer, Err(KeyRegistryError::Conflict)),
            "{answer:?}"
        );
    }
    assert_eq!(find(&registry, &handle(PLATFORM, "k1")).await, None);
}

/// A reservation that was given back, and the one that took its name.
async fn older_and_newer<R: KeyRegistry>(registry: &R) -> (PendingKey, PendingKey) {
    let older = reserved(registry, PLATFORM, "k1").await;
    registry.abandon(&older).await.unwrap();
    let newer = reserved(registry, PLATFORM, "k1").await;
    assert_ne!(older.reservation, newer.reservation);
    (older, newer)
}

pub async fn an_older_reservation_of_the_name_does_not_abandon_the_newer<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let (older, newer) = older_and_newer(&registry).await;
    registry.abandon(&older).await.unwrap();
    assert_eq!(registry.pending().await.unwrap(), [newer]);
}

pub async fn an_older_reservation_of_the_name_does_not_complete_the_newer<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let (older, newer) = older_and_newer(&registry).await;
    let made = pair(PLATFORM, "k1");
    let answer = complete(&registry, &older, &made, at(1)).await;
    assert!(
        matches!(answer, Err(KeyRegistryError::Conflict)),
        "{answer:?}"
    );
    assert_eq!(
        registry.pending().await.unwrap(),
        std::slice::from_ref(&newer)
    );

    let key = complete(&registry, &newer, &made, at(2)).await.unwrap();
    let again = complete(&registry, &older, &made, at(3)).await.unwrap();
    assert_eq!(again, key, "the same key is registered already");
    let other = pair_salted(PLATFORM, "k1", 1);
    let answer = complete(&registry, &older, &other, at(4)).await;
    assert!(
        matches!(answer, Err(KeyRegistryError::Conflict)),
        "{answer:?}"
    );
}

pub async fn no_reservation_is_taken_for_another_after_a_restart<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let older = reserved(&registry, PLATFORM, "k1").await;
    registry.abandon(&older).await.unwrap();
    let registry = place.open_again(registry).await;
    let newer = reserved(&registry, PLATFORM, "k1").await;
    assert!(newer.reservation > older.reservation);
}

pub async fn completing_with_a_provider_that_was_not_asked_is_a_conflict<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let reservation = reserved(&registry, PLATFORM, "k1").await;
    let foreign_reservation = PendingKey {
        provider: ProviderName::new("pkcs11"),
        ..reservation.clone()
    };
    let foreign_pair = GeneratedKey {
        handle_id: HandleId::parse("pkcs11:x:platform:k1").unwrap(),
        ..pair(PLATFORM, "k1")
    };
    for (reservation, made) in [
        (foreign_reservation.clone(), pair(PLATFORM, "k1")),
        (foreign_reservation, foreign_pair.clone()),
        (reservation.clone(), foreign_pair),
    ] {
        let answer = complete(&registry, &reservation, &made, at(1)).await;
        assert!(
            matches!(answer, Err(KeyRegistryError::Conflict)),
            "{answer:?}"
        );
    }
    assert_eq!(registry.pending().await.unwrap(), [reservation]);
}

pub async fn a_handle_belongs_to_one_name<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let reservation = reserved(&registry, PLATFORM, "k2").await;
    let taken = pair(PLATFORM, "k1");
    let answer = complete(&registry, &reservation, &taken, at(1)).await;
    assert!(
        matches!(answer, Err(KeyRegistryError::Conflict)),
        "{answer:?}"
    );
    assert_eq!(registry.pending().await.unwrap(), [reservation]);
}

pub async fn abandoning_frees_the_name_and_one_call_of_many_has_done_it<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let reservation = reserved(&registry, PLATFORM, "k1").await;
    let (one, other) = tokio::join!(
        registry.abandon(&reservation),
        registry.abandon(&reservation)
    );
    let mut told = [one.unwrap(), other.unwrap()];
    told.sort_by_key(|told| *told == Abandonment::NotThere);
    assert_eq!(told, [Abandonment::Done, Abandonment::NotThere]);
    let again = registry.abandon(&reservation).await.unwrap();
    assert_eq!(again, Abandonment::NotThere);
    assert_eq!(registry.pending().await.unwrap(), []);
    let again = reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert!(matches!(again, Reservation::Reserved(_)), "{again:?}");
}

pub async fn abandoning_leaves_keys_and_the_reservations_of_others_alone<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let completed = reserved(&registry, PLATFORM, "k1").await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let told = registry.abandon(&completed).await.unwrap();
    assert_eq!(told, Abandonment::NotThere);
    assert_eq!(find(&registry, &key.handle_id).await, Some(key));

    let reservation = reserved(&registry, PLATFORM, "k2").await;
    let of_another_provider = PendingKey {
        provider: ProviderName::new("pkcs11"),
        ..reservation.clone()
    };
    let of_no_row = PendingKey {
        reservation: u64::MAX,
        ..reservation.clone()
    };
    for other in [completed, of_another_provider, of_no_row] {
        let told = registry.abandon(&other).await.unwrap();
        assert_eq!(told, Abandonment::NotThere);
    }
    assert_eq!(registry.pending().await.unwrap(), [reservation]);
}

pub async fn a_retired_key_is_not_current_and_knows_since_when<F: RegistryFixture>() {
    let place = F::fresh().await;
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

pub async fn retiring_again_returns_the_record_as_it_stands<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let retired = registry.retire(&key, at(5)).await.unwrap();
    assert_eq!(registry.retire(&key, at(6)).await.unwrap(), retired);
    assert_eq!(registry.retire(&retired, at(7)).await.unwrap(), retired);
}

pub async fn retiring_by_another_version_or_an_unknown_record_is_a_conflict<F: RegistryFixture>() {
    let place = F::fresh().await;
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

pub async fn a_clock_that_went_back_does_not_keep_a_key_from_being_retired<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let retired = registry.retire(&key, at(-1_000_000)).await.unwrap();
    assert_eq!(retired.valid_until, Some(at(-1_000_000)));
}

pub async fn the_next_key_after_a_retired_current_one_becomes_current<F: RegistryFixture>() {
    let place = F::fresh().await;
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

pub async fn keeps_instants_to_the_microsecond<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let reservation = reserved(&registry, PLATFORM, "k1").await;
    let precise: Timestamp = "2026-11-23T12:34:56.123456789Z".parse().unwrap();
    let kept: Timestamp = "2026-11-23T12:34:56.123456Z".parse().unwrap();
    let made = pair(PLATFORM, "k1");
    let key = complete(&registry, &reservation, &made, precise)
        .await
        .unwrap();
    assert_eq!(key.valid_from, kept);
    assert_eq!(find(&registry, &key.handle_id).await.unwrap(), key);
    assert_eq!(names(&registry, all(9)).await, [["k1"]]);
}
