//! Which registry it is, and how far it has come.

use signer_domain::ports::{
    RegistryStore as _, Reservations as _, Retirements as _, RotationRecords as _,
};

use crate::support::{
    PLATFORM, Place, at, generate, open, reserve, reserve_rotation, reserved, rotate,
    rotation_reserved,
};

#[tokio::test]
async fn a_registry_has_an_id_of_its_own_that_its_copies_share() {
    let (place, other) = (Place::new(), Place::new());
    let registry = place.open().await;
    let id = registry.identity().to_owned();
    assert_eq!(id.len(), 32);
    assert!(
        id.bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    );
    assert_ne!(other.open().await.identity(), id);
    registry.close().await.unwrap();
    drop(registry);

    let copy = Place::new();
    std::fs::copy(place.path(), copy.path()).unwrap();
    assert_eq!(copy.open().await.identity(), id);
    assert_eq!(place.open().await.identity(), id);
}

#[tokio::test]
async fn the_counter_grows_with_every_change_and_with_nothing_else() {
    let place = Place::new();
    let registry = place.open().await;
    assert_eq!(registry.newest_change(), 0);
    let mut before = 0;
    let mut changed = |what: &str| {
        let now = registry.newest_change();
        assert!(now > before, "{what}: {now} after {before}");
        before = now;
    };
    let given_back = reserved(&registry, PLATFORM, "k0").await;
    changed("a reservation");
    registry.abandon(&given_back).await.unwrap();
    changed("a reservation given back");
    let old = generate(&registry, PLATFORM, "k1").await;
    changed("a key");
    rotation_reserved(&registry, PLATFORM, "k2").await;
    changed("a rotation reserved");
    let transition = rotate(&registry, PLATFORM, "k2").await;
    changed("a rotation opened");
    registry.close_rotation(&transition, at(15)).await.unwrap();
    changed("a rotation closed");
    let confirming = registry.confirm_retirement(&old.handle_id);
    confirming.await.unwrap();
    changed("a retirement confirmed");
    let key = generate(&registry, PLATFORM, "k3").await;
    let retired = registry.retire(&key, at(16)).await.unwrap();
    changed("a key retired");

    let last = registry.newest_change();
    registry.check().await.unwrap();
    registry.abandon(&given_back).await.unwrap();
    registry.retire(&retired, at(17)).await.unwrap();
    registry.close_rotation(&transition, at(18)).await.unwrap();
    let confirming = registry.confirm_retirement(&old.handle_id);
    confirming.await.unwrap();
    reserve_rotation(&registry, PLATFORM, "k2").await;
    assert_eq!(registry.newest_change(), last);
}

#[tokio::test]
async fn the_counter_goes_on_after_a_restart_where_it_was() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let last = registry.newest_change();
    drop(registry);
    let registry = open(&place.path()).await.unwrap();
    assert_eq!(registry.newest_change(), last);
    reserve(&registry, PLATFORM, "k2").await.unwrap();
    assert_eq!(registry.newest_change(), last + 1);
}

#[tokio::test]
async fn the_counter_does_not_tell_of_a_change_that_was_refused() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let last = registry.newest_change();
    std::fs::rename(place.path(), place.directory().join("away.db")).unwrap();
    registry.retire(&key, at(2)).await.unwrap_err();
    assert_eq!(registry.newest_change(), last);
}
