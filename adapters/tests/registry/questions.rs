//! Finding, the current key, reservations, listing.

use signer_domain::ports::{CurrentKey, KeyQuery, KeyRegistry as _};
use signer_domain::{KeyState, ProviderName};

use crate::support::{
    PLATFORM, Place, all, at, domain, find, generate, handle, names, pair, reserve, reserved,
};

#[tokio::test]
async fn finds_registered_keys_only() {
    let place = Place::new();
    let registry = place.open().await;
    assert_eq!(find(&registry, &handle(PLATFORM, "k1")).await, None);
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert_eq!(find(&registry, &handle(PLATFORM, "k1")).await, None);
    let key = generate(&registry, PLATFORM, "k1").await;
    assert_eq!(find(&registry, &key.handle_id).await, Some(key));
}

#[tokio::test]
async fn tells_handles_apart_byte_for_byte() {
    let place = Place::new();
    let registry = place.open().await;
    let lower = generate(&registry, PLATFORM, "key").await;
    let upper = generate(&registry, PLATFORM, "KEY").await;
    assert_eq!(find(&registry, &handle(PLATFORM, "key")).await, Some(lower));
    assert_eq!(find(&registry, &handle(PLATFORM, "KEY")).await, Some(upper));
    assert_eq!(find(&registry, &handle(PLATFORM, "Key")).await, None);
}

#[tokio::test]
async fn finds_some_key_of_a_provider_that_may_sign() {
    let place = Place::new();
    let registry = place.open().await;
    let any = || async { registry.any_of(ProviderName::Software).await.unwrap() };
    assert_eq!(any().await, None);
    reserve(&registry, PLATFORM, "k1").await.unwrap();
    assert_eq!(any().await, None);
    let first = generate(&registry, PLATFORM, "k1").await;
    let second = generate(&registry, PLATFORM, "k2").await;
    assert!(any().await.is_some());
    for &other in ProviderName::ALL {
        let found = registry.any_of(other).await.unwrap();
        assert_eq!(found.is_some(), other == ProviderName::Software, "{other}");
    }
    registry.retire(&first, at(2)).await.unwrap();
    assert_eq!(any().await, Some(second.clone()));
    registry.retire(&second, at(3)).await.unwrap();
    assert_eq!(any().await, None);
}

#[tokio::test]
async fn a_key_is_found_by_its_handle_and_as_the_current_one_of_its_scope() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let found = registry.find(&handle(PLATFORM, "k1")).await.unwrap();
    assert_eq!(found, Some(key.clone()));
    let current = registry.current(&PLATFORM).await.unwrap();
    assert_eq!(current, CurrentKey::Key(key));
}

#[tokio::test]
async fn a_scope_without_a_registered_key_is_unknown() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    reserve(&registry, domain(1), "k1").await.unwrap();
    for scope in [domain(1), domain(2)] {
        let current = registry.current(&scope).await.unwrap();
        assert_eq!(current, CurrentKey::Unknown);
    }
}

#[tokio::test]
async fn a_scope_keeps_its_current_key_until_that_key_is_retired() {
    let place = Place::new();
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

#[tokio::test]
async fn shows_reservations_oldest_first() {
    let place = Place::new();
    let registry = place.open().await;
    let first = reserved(&registry, PLATFORM, "zz").await;
    generate(&registry, PLATFORM, "aa").await;
    let second = reserved(&registry, PLATFORM, "mm").await;
    assert_eq!(registry.pending().await.unwrap(), [first, second]);
}

#[tokio::test]
async fn lists_in_the_order_of_becoming_active_without_reservations() {
    let place = Place::new();
    let registry = place.open().await;
    for key_id in ["zz", "aa", "mm"] {
        reserve(&registry, PLATFORM, key_id).await.unwrap();
    }
    generate(&registry, PLATFORM, "mm").await;
    generate(&registry, PLATFORM, "zz").await;
    assert_eq!(names(&registry, all(10)).await, [["mm", "zz"]]);
}

#[tokio::test]
async fn pages_through_all_keys_once() {
    let place = Place::new();
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

#[tokio::test]
async fn a_key_that_is_added_or_retired_between_pages_moves_no_other() {
    let place = Place::new();
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

#[tokio::test]
async fn a_key_reserved_before_and_completed_after_the_page_is_still_shown() {
    let place = Place::new();
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
    registry.complete(&slow, &made, at(1)).await.unwrap();
    for scope in [None, Some(PLATFORM)] {
        let rest = KeyQuery {
            scope,
            after: page.next,
            ..all(1)
        };
        assert_eq!(names(&registry, rest).await, [["k2"], ["slow"]]);
    }
}

#[tokio::test]
async fn lists_by_scope_and_by_state() {
    let place = Place::new();
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

#[tokio::test]
async fn a_cursor_past_the_end_finds_nothing() {
    let place = Place::new();
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

#[tokio::test]
async fn answers_a_check_while_it_works() {
    let place = Place::new();
    let registry = place.open().await;
    registry.check().await.unwrap();
    generate(&registry, PLATFORM, "k1").await;
    registry.check().await.unwrap();
}
