//! Reserving and opening rotations, and what they keep others from doing.

use signer_domain::ports::{
    CurrentKey, GeneratedKey, KeyQuery, KeyRecords as _, KeyRegistry, KeyRegistryError, PendingKey,
    Purpose, Reservation, ReservationRefused, Reservations as _, RetirementStage, Retirements as _,
    RotationRecords as _, WantedKey,
};
use signer_domain::{HandleId, KeyMarks, KeyState, ProviderName, RotationTransition, SigningKey};

use super::RegistryFixture;
use super::support::{
    PLATFORM, all, at, complete, completed, current, domain, find, generate, handle, name,
    open_rotation, pair, pair_salted, reserve, reserve_rotation, reserved, rotate,
    rotation_reserved, wanted,
};

/// A registry whose platform has the current key `k1`.
pub(super) async fn furnished<F: RegistryFixture>() -> (F, F::Registry, SigningKey) {
    let place = F::fresh().await;
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    (place, registry, key)
}

pub(super) async fn between<R: KeyRegistry>(
    registry: &R,
    old: &str,
    new: &str,
) -> Option<RotationTransition> {
    registry
        .rotation_between(&PLATFORM, &name(old), &name(new))
        .await
        .unwrap()
}

pub(super) fn assert_conflict<T: std::fmt::Debug>(answer: &Result<T, KeyRegistryError>) {
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
    // The same key again is what stands, and by no disguise a rotation.
    let again = complete(&registry, &to_generate, &k2, at(12)).await;
    assert_eq!(again.unwrap(), current(&registry, PLATFORM).await.unwrap());
    assert_eq!(registry.rotation(&PLATFORM).await.unwrap(), Some(rotation));
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
