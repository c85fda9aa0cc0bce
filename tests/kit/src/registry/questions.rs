//! Finding, the current key, reservations, listing.

use signer_domain::ports::{
    CurrentKey, KeyQuery, KeyRecords as _, RegistryStore as _, Reservations as _, RetirementStage,
    Retirements as _, RotationRecords as _,
};
use signer_domain::{KeyMark, KeyState, ProviderName, SigningKey};

use super::RegistryFixture;
use super::support::{
    PLATFORM, all, at, complete, domain, find, generate, handle, names, open_rotation, pair,
    reserve, reserved, rotation_reserved,
};

pub async fn finds_registered_keys_only<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    assert_eq!(find(&registry, &handle(PLATFORM, "k1")).await, None);
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert_eq!(find(&registry, &handle(PLATFORM, "k1")).await, None);
    let key = generate(&registry, PLATFORM, "k1").await;
    assert_eq!(find(&registry, &key.handle_id).await, Some(key));
}

pub async fn tells_handles_apart_byte_for_byte<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let lower = generate(&registry, PLATFORM, "key").await;
    let upper = generate(&registry, PLATFORM, "KEY").await;
    assert_eq!(find(&registry, &handle(PLATFORM, "key")).await, Some(lower));
    assert_eq!(find(&registry, &handle(PLATFORM, "KEY")).await, Some(upper));
    assert_eq!(find(&registry, &handle(PLATFORM, "Key")).await, None);
}

pub async fn finds_some_key_of_a_provider_that_may_sign<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let any = || async {
        registry
            .any_of(ProviderName::new("software"))
            .await
            .unwrap()
    };
    assert_eq!(any().await, None);
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert_eq!(any().await, None);
    let first = generate(&registry, PLATFORM, "k1").await;
    let second = generate(&registry, PLATFORM, "k2").await;
    assert!(any().await.is_some());
    // Some stand right before it and right behind it.
    for other in [
        "software",
        "softwar",
        "software-2",
        "software2",
        "pkcs11",
        "a",
        "z",
    ] {
        let found = registry.any_of(ProviderName::new(other)).await.unwrap();
        assert_eq!(found.is_some(), other == "software", "{other}");
    }
    registry.retire(&first, at(2)).await.unwrap();
    assert_eq!(any().await, Some(second.clone()));
    registry.retire(&second, at(3)).await.unwrap();
    assert_eq!(any().await, None);
}

pub async fn a_key_is_found_by_its_handle_and_as_the_current_one_of_its_scope<
    F: RegistryFixture,
>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let found = registry.find(&handle(PLATFORM, "k1")).await.unwrap();
    assert_eq!(found, Some(key.clone()));
    let current = registry.current(&PLATFORM).await.unwrap();
    assert_eq!(current, CurrentKey::Key(key));
}

pub async fn a_scope_without_a_registered_key_is_unknown<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    reserve(&registry, domain(1), "k1").await.unwrap();
    for scope in [domain(1), domain(2)] {
        let current = registry.current(&scope).await.unwrap();
        assert_eq!(current, CurrentKey::Unknown);
    }
}

pub async fn a_scope_keeps_its_current_key_until_that_key_is_retired<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let first = generate(&registry, PLATFORM, "k1").await;
    let second = generate(&registry, PLATFORM, "k2").await;
    registry.retire(&second, at(2)).await.unwrap();
    let CurrentKey::Key(current) = registry.current(&PLATFORM).await.unwrap() else {
        panic!("the scope has lost its current key");
    };
    assert_eq!(current, first);
    registry.retire(&first, at(3)).await.unwrap();
    assert_eq!(
        registry.current(&PLATFORM).await.unwrap(),
        CurrentKey::Retired
    );
}

pub async fn shows_reservations_oldest_first<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let first = reserved(&registry, PLATFORM, "zz").await;
    generate(&registry, PLATFORM, "aa").await;
    let second = reserved(&registry, PLATFORM, "mm").await;
    assert_eq!(registry.pending().await.unwrap(), [first, second]);
}

pub async fn lists_in_the_order_of_becoming_active_without_reservations<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    for key_id in ["zz", "aa", "mm"] {
        reserve(&registry, PLATFORM, key_id).await.unwrap();
    }
    generate(&registry, PLATFORM, "mm").await;
    generate(&registry, PLATFORM, "zz").await;
    assert_eq!(names(&registry, all(10)).await, [["mm", "zz"]]);
}

pub async fn pages_through_all_keys_once<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    for number in 0..6 {
        generate(&registry, domain(number % 2), &format!("k{number}")).await;
    }
    let pages = names(&registry, all(4)).await;
    assert_eq!(pages, [vec!["k0", "k1", "k2", "k3"], vec!["k4", "k5"]]);
    let exact = names(&registry, all(3)).await;
    assert_eq!(exact, [["k0", "k1", "k2"], ["k3", "k4", "k5"]]);
    assert_eq!(names(&registry, all(u32::MAX)).await.len(), 1);
}

pub async fn a_key_that_is_added_or_retired_between_pages_moves_no_other<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let first = generate(&registry, PLATFORM, "k1").await;
    generate(&registry, PLATFORM, "k2").await;
    generate(&registry, PLATFORM, "k3").await;
    let page = registry.list(&all(2)).await.unwrap();
    registry.retire(&first, at(2)).await.unwrap();
    generate(&registry, PLATFORM, "k4").await;
    let rest = KeyQuery {
        after: page.next,
        ..all(2)
    };
    assert_eq!(names(&registry, rest).await, [["k3", "k4"]]);
}

pub async fn a_key_reserved_before_and_completed_after_the_page_is_still_shown<
    F: RegistryFixture,
>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let slow = reserved(&registry, PLATFORM, "slow").await;
    for key_id in ["k1", "k2"] {
        generate(&registry, PLATFORM, key_id).await;
    }
    for scope in [None, Some(PLATFORM)] {
        let query = KeyQuery { scope, ..all(1) };
        assert_eq!(names(&registry, query).await, [["k1"], ["k2"]]);
    }
    let page = registry.list(&all(1)).await.unwrap();
    let made = pair(PLATFORM, "slow");
    complete(&registry, &slow, &made, at(1)).await.unwrap();
    for scope in [None, Some(PLATFORM)] {
        let rest = KeyQuery {
            scope,
            after: page.next,
            ..all(1)
        };
        assert_eq!(names(&registry, rest).await, [["k2"], ["slow"]]);
    }
}

pub async fn lists_by_scope_and_by_state<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let retired = generate(&registry, PLATFORM, "k1").await;
    generate(&registry, domain(1), "k2").await;
    generate(&registry, PLATFORM, "k3").await;
    registry.retire(&retired, at(2)).await.unwrap();
    let found = |scope, state| KeyQuery {
        scope,
        state,
        ..all(1)
    };
    let active = Some(KeyState::Active);
    let of_platform = names(&registry, found(Some(PLATFORM), None)).await;
    assert_eq!(of_platform, [["k1"], ["k3"]]);
    let still_active = names(&registry, found(None, active)).await;
    assert_eq!(still_active, [["k2"], ["k3"]]);
    let both = names(&registry, found(Some(PLATFORM), active)).await;
    assert_eq!(both, [["k3"]]);
    let rotating = names(&registry, found(None, Some(KeyState::Rotating))).await;
    assert_eq!(rotating, [Vec::<String>::new()]);
    let elsewhere = names(&registry, found(Some(domain(9)), None)).await;
    assert_eq!(elsewhere, [Vec::<String>::new()]);
}

pub async fn a_cursor_past_the_end_finds_nothing<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    for cursor in [2, 3, u64::MAX] {
        let query = KeyQuery {
            after: Some(cursor),
            ..all(5)
        };
        let page = registry.list(&query).await.unwrap();
        assert_eq!((page.keys, page.next), (vec![], None));
    }
}

pub async fn answers_a_check_while_it_works<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    registry.check().await.unwrap();
    generate(&registry, PLATFORM, "k1").await;
    registry.check().await.unwrap();
}

fn names_of(keys: &[SigningKey]) -> Vec<&str> {
    keys.iter().map(|key| key.key_id.as_str()).collect()
}

pub async fn each_listing_has_an_order_of_its_own<F: RegistryFixture>() {
    let place = F::fresh().await;
    let registry = place.open().await;
    let mut reserved_first = Vec::new();
    for name in ["a", "b", "c", "d"] {
        reserved_first.push(reserved(&registry, PLATFORM, name).await);
    }
    assert_eq!(registry.pending().await.unwrap(), reserved_first);
    for pending in reserved_first.iter().rev() {
        let made = pair(PLATFORM, pending.key_id.as_str());
        complete(&registry, pending, &made, at(1)).await.unwrap();
    }
    assert_eq!(names(&registry, all(9)).await, [["d", "c", "b", "a"]]);

    for name in ["a", "c"] {
        let handle = handle(PLATFORM, name);
        registry.begin_retirement(&handle).await.unwrap();
    }
    let begun = registry
        .unsettled_retirements(RetirementStage::Begun)
        .await
        .unwrap();
    assert_eq!(names_of(&begun), ["c", "a"]);
    registry
        .mark(&handle(PLATFORM, "b"), KeyMark::Quarantined)
        .await
        .unwrap();
    registry
        .mark(&handle(PLATFORM, "d"), KeyMark::Blocked)
        .await
        .unwrap();

    let mut open = Vec::new();
    for (number, closes_at) in [(1, 40), (2, 30), (3, 40)] {
        let scope = domain(number);
        generate(&registry, scope, &format!("old{number}")).await;
        let new = format!("new{number}");
        let pending = rotation_reserved(&registry, scope, &new).await;
        let made = pair(scope, &new);
        let opening = open_rotation(&registry, &pending, &made, at(20), at(closes_at));
        open.push(opening.await.unwrap());
    }
    let due_first = [open[1].clone(), open[0].clone(), open[2].clone()];
    assert_eq!(registry.open_rotations().await.unwrap(), due_first);
    for (transition, closed_at) in open.iter().zip([60, 70, 50]) {
        let closing = registry.close_rotation(transition, at(closed_at));
        closing.await.unwrap();
        let new = find(&registry, &transition.new_handle_id).await.unwrap();
        registry.retire(&new, at(80)).await.unwrap();
    }
    let unconfirmed = registry
        .unsettled_retirements(RetirementStage::Unconfirmed)
        .await
        .unwrap();
    assert_eq!(names_of(&unconfirmed), ["old3", "old1", "old2"]);

    let notices = registry.notices().await.unwrap();
    assert_eq!(
        names_of(&notices.keys),
        ["d", "c", "a", "b", "old3", "old1", "old2"]
    );
    let scopes = [domain(1), domain(2), domain(3)];
    assert_eq!(notices.scopes_without_current, scopes);
}
