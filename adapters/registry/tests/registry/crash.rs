//! What is there after the process went away without a word.

use std::fs;

use signer_domain::KeyState;
use signer_domain::ports::{
    Reservation, ReservationRefused, Reservations as _, RetirementStage, Retirements as _,
    RotationRecords as _,
};

use crate::support::{
    PLATFORM, Place, at, completed, current, find, generate, handle, open, reserve_rotation,
    reserved, rotate, rotation_reserved,
};

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_drop_without_close() {
    let place = Place::new();
    let registry = place.open().await;
    let active = generate(&registry, PLATFORM, "k1").await;
    let retired = generate(&registry, PLATFORM, "k2").await;
    let retired = registry.retire(&retired, at(2)).await.unwrap();
    let waiting = reserved(&registry, PLATFORM, "k3").await;
    drop(registry);

    let registry = place.open().await;
    assert_eq!(registry.pending().await.unwrap(), [waiting]);
    assert_eq!(find(&registry, &active.handle_id).await, Some(active));
    assert_eq!(find(&registry, &retired.handle_id).await, Some(retired));
    assert!(generate(&registry, PLATFORM, "k3").await.version == 1);
}

#[tokio::test]
async fn a_rotation_is_found_where_it_was_after_a_drop_without_close() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let pending = rotation_reserved(&registry, PLATFORM, "k2").await;
    drop(registry);

    let registry = place.open().await;
    assert_eq!(registry.pending().await.unwrap(), [pending]);
    let other = reserve_rotation(&registry, PLATFORM, "k3").await;
    assert_eq!(
        other,
        Reservation::Refused(ReservationRefused::RotationInProgress)
    );
    let open = rotate(&registry, PLATFORM, "k2").await;
    drop(registry);

    let registry = place.open().await;
    assert_eq!(
        registry.open_rotations().await.unwrap(),
        std::slice::from_ref(&open)
    );
    let rotating = find(&registry, &open.old_handle_id).await.unwrap();
    assert_eq!(rotating.state, KeyState::Rotating);
    let closed = registry.close_rotation(&open, at(15)).await.unwrap();
    let unconfirmed = registry
        .unsettled_retirements(RetirementStage::Unconfirmed)
        .await
        .unwrap();
    assert_eq!(unconfirmed.len(), 1);
    drop(registry);

    let registry = place.open().await;
    assert_eq!(registry.open_rotations().await.unwrap(), []);
    assert_eq!(
        registry
            .unsettled_retirements(RetirementStage::Unconfirmed)
            .await
            .unwrap(),
        unconfirmed
    );
    let standing = reserve_rotation(&registry, PLATFORM, "k2").await;
    let new = find(&registry, &closed.new_handle_id).await.unwrap();
    assert_eq!(standing, completed(new, Some(closed)));
}

/// A log that is cut anywhere within a rotation opens to one where one key is current.
#[tokio::test]
async fn a_rotation_is_opened_and_closed_whole_or_not_at_all() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let open = rotate(&registry, PLATFORM, "k2").await;
    registry.close_rotation(&open, at(15)).await.unwrap();
    let database = fs::read(place.path()).unwrap();
    let log = fs::read(place.directory().join("registry.db-wal")).unwrap();
    let mut seen = Vec::new();
    for length in (0..=log.len()).step_by(1000).chain([log.len()]) {
        let image = Place::new();
        fs::write(image.path(), &database).unwrap();
        fs::write(image.directory().join("registry.db-wal"), &log[..length]).unwrap();
        let restored = image.open().await;
        let [old, new] = ["k1", "k2"].map(|key_id| handle(PLATFORM, key_id));
        let old = find(&restored, &old).await.map(|key| key.state);
        let new = find(&restored, &new).await.map(|key| key.state);
        let is_open = restored.rotation(&PLATFORM).await.unwrap().is_some();
        let current = current(&restored, PLATFORM).await;
        let current = current.map(|key| key.key_id.to_string());
        let expected: (_, _, _, Option<&str>) = match (old, new) {
            (None, None) => (None, None, false, None),
            (Some(KeyState::Active), None) => (old, None, false, Some("k1")),
            (Some(KeyState::Rotating), Some(KeyState::Active)) => (old, new, true, Some("k2")),
            (Some(KeyState::Retired), Some(KeyState::Active)) => (old, new, false, Some("k2")),
            (old, new) => panic!("{old:?} and {new:?}"),
        };
        assert_eq!((old, new, is_open, current.as_deref()), expected);
        seen.push(old);
    }
    assert!(seen.is_sorted(), "{seen:?}");
    seen.dedup();
    assert_eq!(seen.len(), 4, "{seen:?}");
}

/// The image of the files at one moment is what a power cut leaves when every write arrived in order.
#[tokio::test]
async fn every_image_of_the_open_files_holds_what_was_acknowledged_by_then() {
    let place = Place::new();
    let registry = place.open().await;
    for number in 0..30 {
        let key_id = format!("k{number}");
        let key = generate(&registry, PLATFORM, &key_id).await;
        if number % 2 == 0 {
            registry.retire(&key, at(2)).await.unwrap();
        }
        let image = Place::new();
        for suffix in ["", "-wal"] {
            let from = format!("{}{suffix}", place.path().display());
            fs::copy(from, format!("{}{suffix}", image.path().display())).unwrap();
        }
        let restored = open(&image.path()).await.unwrap();
        for earlier in 0..=number {
            let found = find(&restored, &handle(PLATFORM, &format!("k{earlier}"))).await;
            assert_eq!(found.unwrap().state.may_sign(), earlier % 2 == 1);
        }
    }
}

/// A torn write at the end of the log takes with it what was not acknowledged, and nothing else.
#[tokio::test]
async fn a_log_that_is_cut_anywhere_opens_to_some_earlier_moment() {
    let place = Place::new();
    let registry = place.open().await;
    for number in 0..6 {
        generate(&registry, PLATFORM, &format!("k{number}")).await;
    }
    let database = fs::read(place.path()).unwrap();
    let log = fs::read(place.directory().join("registry.db-wal")).unwrap();
    let mut seen = Vec::new();
    for length in (0..=log.len()).step_by(1000).chain([log.len()]) {
        let image = Place::new();
        fs::write(image.path(), &database).unwrap();
        fs::write(image.directory().join("registry.db-wal"), &log[..length]).unwrap();
        let restored = image.open().await;
        let mut keys = 0;
        for number in 0..6 {
            let found = find(&restored, &handle(PLATFORM, &format!("k{number}"))).await;
            keys += u32::from(found.is_some());
        }
        seen.push(keys);
    }
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(
        (seen.first(), seen.last()),
        (Some(&0), Some(&6)),
        "{seen:?}"
    );
}
