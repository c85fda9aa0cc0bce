//! Reserving, opening, closing rotations, and what they keep others from doing.

use signer_domain::ports::{
    CurrentKey, GeneratedKey, KeyQuery, KeyRecords as _, KeyRegistry, KeyRegistryError, PendingKey,
    Purpose, Reservation, ReservationRefused, Reservations as _, RetirementStage, Retirements as _,
    RotationRecords as _, WantedKey,
};
use signer_domain::{
    HandleId, KeyMarks, KeyState, ProviderName, RotationTransition, SigningKey, Timestamp,
};

use super::RegistryFixture;
use super::support::{
    PLATFORM, all, at, complete, completed, current, domain, find, generate, handle, name, names,
    open_rotation, pair, pair_salted, reserve, reserve_rotation, reserved, rotate,
    rotation_reserved, wanted,
};

/// A registry whose platform has the current key `k1`.
async fn furnished<F: RegistryFixture>() -> (F, F::Registry, SigningKey) {
    let place = F::fresh().await;
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    (place, registry, key)
}

async fn between<R: KeyRegistry>(registry: &R, old: &str, new: &str) -> Option<RotationTransition> {
    registry
        .rotation_between(&PLATFORM, &name(old), &name(new))
        .await
        .unwrap()
}

fn assert_conflict<T: std::fmt::Debug>(answer: &Result<T, KeyRegistryError>) {
    assert!(
        matches!(answer, Err(KeyRegistryError::Conflict)),
        "{answer:?}"
    );
}

pub async fn a_reserved_rotation_is_none_yet_and_changes_no_key<F: RegistryFixture>() {
    let (_place, registry, old) = furnished::<F>().await;
    let answer = reserve_rotation(&registry, PLATFORM, "k2").await;
    let Reservation::Reserved(pending) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!((pending.scope, pending.key_id.as_str()), (PLATFORM, "k2"));
    assert_eq!(pending.provider, ProviderName::new("software"));
    assert_eq!(pending.purpose, Purpose::Rotate);
    assert_eq!(registry.pending().await.unwrap(), [pending]);
    assert_eq!(current(&registry, PLATFORM).await, Some(old));

    assert_eq!(registry.rotation(&PLATFORM).await.unwrap(), None);
    assert_eq!(registry.open_rotations().await.unwrap(), []);
    assert_eq!(between(&registry, "k1", "k2").await, None);
}

pub async fn a_second_reservation_finds_the_first_and_another_one_finds_the_scope_taken<
    F: RegistryFixture,
>() {
    let (_place, registry, _) = furnished::<F>().await;
    let first = rotation_reserved(&registry, PLATFORM, "k2").await;
    let wanted = WantedKey {
        purpose: Purpose::Rotate,
        ..wanted(PLATFORM, "k2", ProviderName::new("pkcs11"), at(12))
    };
    let again = registry.reserve(&wanted).await.unwrap();
    assert_eq!(again, Reservation::AlreadyPending(first.clone()));
    let other = reserve_rotation(&registry, PLATFORM, "k3").await;
    assert_eq!(
        other,
        Reservation::Refused(ReservationRefused::RotationInProgress)
    );
    assert_eq!(registry.pending().await.unwrap(), [first]);
}

pub async fn nobody_generates_in_a_scope_that_is_being_rotated<F: RegistryFixture>() {
    let (_place, registry, old) = furnished::<F>().await;
    let waiting = reserved(&registry, PLATFORM, "waiting").await;
    for opened in [false, true] {
        if opened {
            rotate(&registry, PLATFORM, "k2").await;
        } else {
            rotation_reserved(&registry, PLATFORM, "k2").await;
            let of_the_rotation = reserve(&registry, PLATFORM, "k2").await.unwrap();
            assert_eq!(
                of_the_rotation,
                Reservation::Refused(ReservationRefused::RotationInProgress)
            );
        }
        let free = reserve(&registry, PLATFORM, "k3").await.unwrap();
        assert_eq!(
            free,
            Reservation::Refused(ReservationRefused::RotationInProgress)
        );
        let earlier = reserve(&registry, PLATFORM, "waiting").await.unwrap();
        assert_eq!(earlier, Reservation::AlreadyPending(waiting.clone()));
        let stands = reserve(&registry, PLATFORM, "k1").await.unwrap();
        let old_now = find(&registry, &old.handle_id).await.unwrap();
        assert_eq!(stands, completed(old_now, None));
        generate(&registry, domain(u128::from(opened)), "k1").await;
    }
}

pub async fn an_opened_rotation_has_two_keys_in_use_and_the_new_one_is_current<
    F: RegistryFixture,
>() {
    let (_place, registry, old) = furnished::<F>().await;
    let transition = rotate(&registry, PLATFORM, "k2").await;
    let expected = RotationTransition {
        scope: PLATFORM,
        old_key_id: name("k1"),
        new_key_id: name("k2"),
        old_handle_id: old.handle_id.clone(),
        new_handle_id: handle(PLATFORM, "k2"),
        opened_at: at(11),
        closes_at: at(20),
        closed_at: None,
    };
    assert_eq!(transition, expected);
    let new = SigningKey {
        scope: PLATFORM,
        key_id: name("k2"),
        handle_id: handle(PLATFORM, "k2"),
        public_key: pair(PLATFORM, "k2").public_key,
        state: KeyState::Active,
        current: true,
        marks: KeyMarks::default(),
        valid_from: at(11),
        valid_until: None,
        version: 1,
    };
    assert_eq!(current(&registry, PLATFORM).await, Some(new.clone()));
    let old = SigningKey {
        state: KeyState::Rotating,
        current: false,
        valid_until: Some(at(20)),
        version: 2,
        ..old
    };
    let rotating = KeyQuery {
        state: Some(KeyState::Rotating),
        ..all(9)
    };
    assert_eq!(
        registry.list(&rotating).await.unwrap().keys,
        std::slice::from_ref(&old)
    );
    assert_eq!(registry.list(&all(9)).await.unwrap().keys, [old, new]);
    assert_eq!(registry.pending().await.unwrap(), []);
    assert_eq!(registry.rotation(&PLATFORM).await.unwrap(), Some(expected));
}

pub async fn opening_again_with_the_same_pair_returns_the_rotation_as_it_stands<
    F: RegistryFixture,
>() {
    let (_place, registry, _) = furnished::<F>().await;
    let pending = rotation_reserved(&registry, PLATFORM, "k2").await;
    let transition = rotate(&registry, PLATFORM, "k2").await;
    let made = pair(PLATFORM, "k2");
    let again = open_rotation(&registry, &pending, &made, at(15), at(30));
    assert_eq!(again.await.unwrap(), transition);
    let standing = reserve_rotation(&registry, PLATFORM, "k2").await;
    let new = current(&registry, PLATFORM).await.unwrap();
    assert_eq!(standing, completed(new.clone(), Some(transition.clone())));

    let closed = registry.close_rotation(&transition, at(16)).await.unwrap();
    let after = open_rotation(&registry, &pending, &made, at(17), at(30));
    assert_eq!(after.await.unwrap(), closed);
    let standing = reserve_rotation(&registry, PLATFORM, "k2").await;
    assert_eq!(standing, completed(new, Some(closed)));
}

pub async fn opening_with_another_pair_or_by_another_reservation_is_a_conflict<
    F: RegistryFixture,
>() {
    let (_place, registry, old) = furnished::<F>().await;
    let pending = rotation_reserved(&registry, PLATFORM, "k2").await;
    let foreign_handle = GeneratedKey {
        handle_id: HandleId::parse("pkcs11:x:platform:k2").unwrap(),
        ..pair(PLATFORM, "k2")
    };
    let of_a_generate = PendingKey {
        purpose: Purpose::Generate,
        ..pending.clone()
    };
    let of_another_time = PendingKey {
        reservation: pending.reservation + 1,
        ..pending.clone()
    };
    let made = pair(PLATFORM, "k2");
    for (reservation, made) in [
        (&pending, &foreign_handle),
        (&pending, &pair(PLATFORM, "k1")),
        (&of_a_generate, &made),
        (&of_another_time, &made),
    ] {
        let opening = open_rotation(&registry, reservation, made, at(11), at(20));
        assert_conflict(&opening.await);
        assert_eq!(
            registry.pending().await.unwrap(),
            std::slice::from_ref(&pending)
        );
        assert_eq!(current(&registry, PLATFORM).await.as_ref(), Some(&old));
    }
    let transition = rotate(&registry, PLATFORM, "k2").await;
    let other = pair_salted(PLATFORM, "k2", 1);
    let opening = open_rotation(&registry, &pending, &other, at(11), at(20));
    assert_conflict(&opening.await);
    assert_eq!(
        registry.rotation(&PLATFORM).await.unwrap(),
        Some(transition)
    );
}

pub async fn a_reservation_serves_the_purpose_it_was_made_for<F: RegistryFixture>() {
    let (_place, registry, _) = furnished::<F>().await;
    let generating = reserved(&registry, PLATFORM, "k3").await;
    let rotating = rotation_reserved(&registry, PLATFORM, "k2").await;
    let [to_rotate, to_generate] = [
        (Purpose::Rotate, &generating),
        (Purpose::Generate, &rotating),
    ]
    .map(|(purpose, made_for)| PendingKey {
        purpose,
        ..made_for.clone()
    });
    let [k2, k3] = ["k2", "k3"].map(|key_id| pair(PLATFORM, key_id));
    for (disguised, made) in [(&to_rotate, &k3), (&to_generate, &k2)] {
        let completing = registry.complete(disguised, made, at(11), at(20));
        assert_conflict(&completing.await);
        registry.abandon(disguised).await.unwrap();
        assert_eq!(
            registry.pending().await.unwrap(),
            [generating.clone(), rotating.clone()]
        );
    }

    let beside = complete(&registry, &generating, &k3, at(11)).await.unwrap();
    assert!(!beside.current);
    let opening = open_rotation(&registry, &rotating, &k2, at(11), at(20));
    let rotation = opening.await.unwrap();
    assert_eq!(rotation.new_handle_id, k2.handle_id);
    let completing = registry.complete(&to_rotate, &k3, at(12), at(20));
    assert_conflict(&completing.await);
}

pub async fn an_old_key_that_was_retired_before_the_opening_stays_retired<F: RegistryFixture>() {
    let (_place, registry, old) = furnished::<F>().await;
    let pending = rotation_reserved(&registry, PLATFORM, "k2").await;
    let retired = registry.retire(&old, at(5)).await.unwrap();
    let without = registry.current(&PLATFORM).await.unwrap();
    assert_eq!(without, CurrentKey::Retired);

    let made = pair(PLATFORM, "k2");
    let opening = open_rotation(&registry, &pending, &made, at(11), at(20));
    let transition = opening.await.unwrap();
    assert_eq!(transition.old_handle_id, old.handle_id);
    assert_eq!(
        find(&registry, &old.handle_id).await.as_ref(),
        Some(&retired)
    );
    let new = current(&registry, PLATFORM).await.unwrap();
    assert_eq!(new.handle_id, transition.new_handle_id);

    registry.close_rotation(&transition, at(12)).await.unwrap();
    assert_eq!(find(&registry, &old.handle_id).await, Some(retired));
    assert_eq!(
        registry
            .unsettled_retirements(RetirementStage::Unconfirmed)
            .await
            .unwrap(),
        []
    );
}

pub async fn a_key_completed_during_a_rotation_does_not_take_the_mark_from_the_new_one<
    F: RegistryFixture,
>() {
    let (_place, registry, old) = furnished::<F>().await;
    reserved(&registry, PLATFORM, "bystander").await;
    let pending = rotation_reserved(&registry, PLATFORM, "k2").await;
    registry.retire(&old, at(5)).await.unwrap();
    let bystander = generate(&registry, PLATFORM, "bystander").await;
    assert!(!bystander.current);

    let made = pair(PLATFORM, "k2");
    let opening = open_rotation(&registry, &pending, &made, at(11), at(20));
    opening.await.unwrap();
    let new = current(&registry, PLATFORM).await.unwrap();
    assert_eq!(new.key_id, name("k2"));
    assert_eq!(find(&registry, &bystander.handle_id).await, Some(bystander));
}

pub async fn abandoning_a_reserved_rotation_frees_the_name_and_the_scope<F: RegistryFixture>() {
    let (_place, registry, old) = furnished::<F>().await;
    let older = rotation_reserved(&registry, PLATFORM, "k2").await;
    registry.abandon(&older).await.unwrap();
    registry.abandon(&older).await.unwrap();
    assert_eq!(registry.pending().await.unwrap(), []);
    assert_eq!(current(&registry, PLATFORM).await, Some(old));
    let made = pair(PLATFORM, "k2");
    let opening = open_rotation(&registry, &older, &made, at(11), at(20));
    assert_conflict(&opening.await);

    let newer = rotation_reserved(&registry, PLATFORM, "k2").await;
    assert!(newer.reservation > older.reservation);
    registry.abandon(&older).await.unwrap();
    assert_eq!(
        registry.pending().await.unwrap(),
        std::slice::from_ref(&newer)
    );
    registry.abandon(&newer).await.unwrap();
    let ahead = generate(&registry, PLATFORM, "k2").await;
    assert!(!ahead.current);
    let standing = reserve_rotation(&registry, PLATFORM, "k2").await;
    assert_eq!(standing, completed(ahead, None));
    rotate(&registry, PLATFORM, "k3").await;
}

pub async fn abandoning_what_was_opened_has_no_effect<F: RegistryFixture>() {
    let (_place, registry, _) = furnished::<F>().await;
    let pending = rotation_reserved(&registry, PLATFORM, "k2").await;
    let transition = rotate(&registry, PLATFORM, "k2").await;
    registry.abandon(&pending).await.unwrap();
    assert_eq!(
        registry.rotation(&PLATFORM).await.unwrap(),
        Some(transition)
    );
}

pub async fn a_scope_that_lost_its_key_while_a_rotation_came_to_nothing_takes_the_next_one<
    F: RegistryFixture,
>() {
    let (_place, registry, old) = furnished::<F>().await;
    let pending = rotation_reserved(&registry, PLATFORM, "k2").await;
    registry.retire(&old, at(5)).await.unwrap();
    registry.abandon(&pending).await.unwrap();
    let answer = reserve_rotation(&registry, PLATFORM, "k2").await;
    assert_eq!(
        answer,
        Reservation::Refused(ReservationRefused::CurrentRetired)
    );
    assert!(generate(&registry, PLATFORM, "k2").await.current);
}

pub async fn a_scope_without_a_current_key_is_not_rotated<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let unknown = reserve_rotation(&registry, PLATFORM, "k2").await;
    assert_eq!(
        unknown,
        Reservation::Refused(ReservationRefused::UnknownScope)
    );
    let pending = reserved(&registry, PLATFORM, "k1").await;
    let waiting = reserve_rotation(&registry, PLATFORM, "k2").await;
    assert_eq!(
        waiting,
        Reservation::Refused(ReservationRefused::UnknownScope)
    );

    let made = pair(PLATFORM, "k1");
    let key = complete(&registry, &pending, &made, at(1)).await.unwrap();
    registry.retire(&key, at(2)).await.unwrap();
    let retired = reserve_rotation(&registry, PLATFORM, "k2").await;
    assert_eq!(
        retired,
        Reservation::Refused(ReservationRefused::CurrentRetired)
    );
    assert_eq!(registry.pending().await.unwrap(), []);
}

pub async fn a_name_that_no_rotation_made_is_taken_also_while_another_rotation_is_open<
    F: RegistryFixture,
>() {
    let (_place, registry, _) = furnished::<F>().await;
    reserved(&registry, PLATFORM, "waiting").await;
    let retired = generate(&registry, PLATFORM, "retired").await;
    registry.retire(&retired, at(2)).await.unwrap();
    for opened in [false, true] {
        if opened {
            rotate(&registry, PLATFORM, "k2").await;
        }
        for taken in ["k1", "waiting", "retired"] {
            let answer = reserve_rotation(&registry, PLATFORM, taken).await;
            assert_eq!(
                answer,
                Reservation::Refused(ReservationRefused::NameTaken),
                "{taken}"
            );
        }
    }
}

pub async fn closing_retires_the_old_key_and_leaves_its_provider_to_be_told<F: RegistryFixture>() {
    let (_place, registry, _) = furnished::<F>().await;
    let transition = rotate(&registry, PLATFORM, "k2").await;
    let new = current(&registry, PLATFORM).await.unwrap();
    let rotating = find(&registry, &transition.old_handle_id).await.unwrap();
    let closed = registry.close_rotation(&transition, at(15)).await.unwrap();
    let expected = RotationTransition {
        closed_at: Some(at(15)),
        ..transition.clone()
    };
    assert_eq!(closed, expected);
    let unconfirmed = KeyMarks {
        unconfirmed: true,
        ..KeyMarks::default()
    };
    let old = SigningKey {
        state: KeyState::Retired,
        marks: unconfirmed,
        valid_until: Some(at(15)),
        version: 3,
        ..rotating
    };
    assert_eq!(
        registry
            .unsettled_retirements(RetirementStage::Unconfirmed)
            .await
            .unwrap(),
        std::slice::from_ref(&old)
    );
    assert_eq!(find(&registry, &old.handle_id).await, Some(old));
    assert_eq!(current(&registry, PLATFORM).await, Some(new));
    assert_eq!(registry.rotation(&PLATFORM).await.unwrap(), None);
    assert_eq!(registry.open_rotations().await.unwrap(), []);

    let again = registry.close_rotation(&transition, at(16)).await.unwrap();
    assert_eq!(again, closed);
    assert_eq!(between(&registry, "k1", "k2").await, Some(closed));
}

pub async fn closing_what_is_no_rotation_is_a_conflict<F: RegistryFixture>() {
    let (_place, registry, old) = furnished::<F>().await;
    rotation_reserved(&registry, PLATFORM, "k2").await;
    let imagined = RotationTransition {
        scope: PLATFORM,
        old_key_id: name("k1"),
        new_key_id: name("k2"),
        old_handle_id: old.handle_id,
        new_handle_id: handle(PLATFORM, "k2"),
        opened_at: at(11),
        closes_at: at(20),
        closed_at: None,
    };
    assert_conflict(&registry.close_rotation(&imagined, at(12)).await);
    let transition = rotate(&registry, PLATFORM, "k2").await;
    let others = [
        RotationTransition {
            scope: domain(1),
            ..transition.clone()
        },
        RotationTransition {
            old_key_id: name("k0"),
            ..transition.clone()
        },
        RotationTransition {
            new_key_id: name("k3"),
            ..transition.clone()
        },
        RotationTransition {
            old_handle_id: handle(PLATFORM, "k0"),
            ..transition.clone()
        },
        RotationTransition {
            new_handle_id: handle(PLATFORM, "k3"),
            ..transition.clone()
        },
    ];
    for other in others {
        assert_conflict(&registry.close_rotation(&other, at(12)).await);
    }
    assert_eq!(
        registry.rotation(&PLATFORM).await.unwrap(),
        Some(transition)
    );
}

pub async fn a_scope_is_rotated_again_once_its_rotation_is_closed<F: RegistryFixture>() {
    let (_place, registry, _) = furnished::<F>().await;
    let first = rotate(&registry, PLATFORM, "k2").await;
    let other = reserve_rotation(&registry, PLATFORM, "k3").await;
    assert_eq!(
        other,
        Reservation::Refused(ReservationRefused::RotationInProgress)
    );
    let first = registry.close_rotation(&first, at(15)).await.unwrap();
    assert!(!generate(&registry, PLATFORM, "bystander").await.current);
    let second = rotate(&registry, PLATFORM, "k3").await;
    assert_eq!(
        (second.old_key_id.as_str(), second.new_key_id.as_str()),
        ("k2", "k3")
    );
    for (old, new, expected) in [
        ("k1", "k2", Some(first)),
        ("k2", "k3", Some(second)),
        ("k1", "k3", None),
        ("k2", "k1", None),
    ] {
        assert_eq!(
            between(&registry, old, new).await,
            expected,
            "{old} to {new}"
        );
    }
    assert_eq!(
        names(&registry, all(9)).await,
        [["k1", "k2", "bystander", "k3"]]
    );
}

pub async fn the_new_key_of_a_rotation_is_not_retired_until_it_is_closed<F: RegistryFixture>() {
    let (_place, registry, _) = furnished::<F>().await;
    let transition = rotate(&registry, PLATFORM, "k2").await;
    let new = current(&registry, PLATFORM).await.unwrap();
    let answer = registry.retire(&new, at(12)).await;
    assert!(
        matches!(answer, Err(KeyRegistryError::RotationInProgress)),
        "{answer:?}"
    );
    assert_eq!(
        current(&registry, PLATFORM).await.as_ref(),
        Some(&new),
        "nothing changed"
    );
    let outdated = SigningKey {
        version: 7,
        ..new.clone()
    };
    assert_conflict(&registry.retire(&outdated, at(12)).await);

    registry.close_rotation(&transition, at(13)).await.unwrap();
    let retired = registry.retire(&new, at(14)).await.unwrap();
    assert_eq!(retired.state, KeyState::Retired);
}

pub async fn the_old_key_may_be_retired_early_and_closing_then_only_closes<F: RegistryFixture>() {
    let (_place, registry, _) = furnished::<F>().await;
    let transition = rotate(&registry, PLATFORM, "k2").await;
    let rotating = find(&registry, &transition.old_handle_id).await.unwrap();
    let retired = registry.retire(&rotating, at(12)).await.unwrap();
    assert_eq!(retired.valid_until, Some(at(12)));
    assert_eq!(
        registry.rotation(&PLATFORM).await.unwrap().as_ref(),
        Some(&transition)
    );

    let closed = registry.close_rotation(&transition, at(15)).await.unwrap();
    assert_eq!(closed.closed_at, Some(at(15)));
    assert_eq!(find(&registry, &retired.handle_id).await, Some(retired));
    assert_eq!(
        registry
            .unsettled_retirements(RetirementStage::Unconfirmed)
            .await
            .unwrap(),
        []
    );
}

/// A rotation that was closed, and its old key as it stands.
async fn closed<R: KeyRegistry>(registry: &R) -> SigningKey {
    let transition = rotate(registry, PLATFORM, "k2").await;
    registry.close_rotation(&transition, at(15)).await.unwrap();
    find(registry, &transition.old_handle_id).await.unwrap()
}

pub async fn a_confirmed_retirement_is_not_shown_again<F: RegistryFixture>() {
    let (place, registry, _) = furnished::<F>().await;
    let old = closed(&registry).await;
    for unrelated in [handle(PLATFORM, "k2"), handle(PLATFORM, "k9")] {
        registry.confirm_retirement(&unrelated).await.unwrap();
        assert_eq!(
            registry
                .unsettled_retirements(RetirementStage::Unconfirmed)
                .await
                .unwrap(),
            std::slice::from_ref(&old)
        );
    }
    for _ in 0..2 {
        registry.confirm_retirement(&old.handle_id).await.unwrap();
        assert_eq!(
            registry
                .unsettled_retirements(RetirementStage::Unconfirmed)
                .await
                .unwrap(),
            []
        );
    }
    drop(registry);
    let registry = place.open().await;
    assert_eq!(
        registry
            .unsettled_retirements(RetirementStage::Unconfirmed)
            .await
            .unwrap(),
        []
    );
    let confirmed = SigningKey {
        marks: KeyMarks::default(),
        version: old.version + 1,
        ..old
    };
    assert_eq!(find(&registry, &confirmed.handle_id).await, Some(confirmed));
}

pub async fn retiring_a_key_that_a_rotation_has_retired_confirms_it<F: RegistryFixture>() {
    let (_place, registry, _) = furnished::<F>().await;
    let old = closed(&registry).await;
    let confirmed = registry.retire(&old, at(16)).await.unwrap();
    assert_eq!(
        find(&registry, &old.handle_id).await,
        Some(confirmed.clone())
    );
    assert_eq!(
        (confirmed.state, confirmed.valid_until),
        (old.state, old.valid_until)
    );
    assert_eq!(
        registry
            .unsettled_retirements(RetirementStage::Unconfirmed)
            .await
            .unwrap(),
        []
    );
}

pub async fn shows_unconfirmed_retirements_oldest_first<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    for (number, retired_at) in [(1, 19), (2, 15), (3, 17)] {
        let scope = domain(number);
        generate(&registry, scope, "k1").await;
        let transition = rotate(&registry, scope, "k2").await;
        let closing = registry.close_rotation(&transition, at(retired_at));
        closing.await.unwrap();
    }
    let keys = registry
        .unsettled_retirements(RetirementStage::Unconfirmed)
        .await
        .unwrap();
    let scopes: Vec<_> = keys.iter().map(|key| key.scope).collect();
    assert_eq!(scopes, [2, 3, 1].map(domain));
}

pub async fn shows_the_open_rotations_of_all_scopes_those_due_first<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    for (number, closes_at) in [(1, 40), (2, 20), (3, 30), (4, 25), (5, 20)] {
        let scope = domain(number);
        generate(&registry, scope, "k1").await;
        let pending = rotation_reserved(&registry, scope, "k2").await;
        if number == 4 {
            continue;
        }
        let made = pair(scope, "k2");
        let opening = open_rotation(&registry, &pending, &made, at(11), at(closes_at));
        opening.await.unwrap();
    }
    let scopes = async || {
        let open = registry.open_rotations().await.unwrap();
        open.iter().map(|one| one.scope).collect::<Vec<_>>()
    };
    assert_eq!(scopes().await, [2, 5, 3, 1].map(domain));
    let third = registry.rotation(&domain(3)).await.unwrap().unwrap();
    registry.close_rotation(&third, at(12)).await.unwrap();
    assert_eq!(scopes().await, [2, 5, 1].map(domain));
}

pub async fn keeps_the_instants_of_a_rotation_to_the_microsecond<F: RegistryFixture>() {
    let (_place, registry, _) = furnished::<F>().await;
    let precise = |second: i64| at(second) + jiff::SignedDuration::from_nanos(123_456_789);
    let kept =
        |second: i64| -> Timestamp { at(second) + jiff::SignedDuration::from_nanos(123_456_000) };
    let pending = rotation_reserved(&registry, PLATFORM, "k2").await;
    let made = pair(PLATFORM, "k2");
    let opening = open_rotation(&registry, &pending, &made, precise(11), precise(20));
    let transition = opening.await.unwrap();
    assert_eq!(
        (transition.opened_at, transition.closes_at),
        (kept(11), kept(20))
    );
    let closing = registry.close_rotation(&transition, precise(12));
    assert_eq!(closing.await.unwrap().closed_at, Some(kept(12)));
}

pub async fn a_clock_that_went_back_does_not_keep_a_rotation_from_being_closed<
    F: RegistryFixture,
>() {
    let (_place, registry, _) = furnished::<F>().await;
    let transition = rotate(&registry, PLATFORM, "k2").await;
    let closing = registry.close_rotation(&transition, at(-1_000_000));
    assert_eq!(closing.await.unwrap().closed_at, Some(at(-1_000_000)));
}
