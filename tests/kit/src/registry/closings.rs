//! Closing rotations, and what becomes of the old key.

use signer_domain::ports::{
    KeyRegistry, KeyRegistryError, Reservation, ReservationRefused, RetirementStage,
    Retirements as _, RotationRecords as _,
};
use signer_domain::{KeyMarks, KeyState, RotationTransition, SigningKey, Timestamp};

use super::RegistryFixture;
use super::rotations::{assert_conflict, between, furnished};
use super::support::{
    PLATFORM, all, at, current, domain, find, generate, handle, name, names, open_rotation, pair,
    reserve_rotation, rotate, rotation_reserved,
};

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
