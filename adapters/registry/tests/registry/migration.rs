//! A registry that an earlier version has left behind.

use std::fs;

use signer_domain::KeyState;
use signer_domain::ports::{
    CurrentKey, KeyRecords as _, Purpose, RegistryStore as _, Reservation, ReservationRefused,
    Reservations as _, RetirementStage, Retirements as _, RotationRecords as _,
};
use signer_registry::RegistryRefusal;
use sqlx::Connection as _;

use crate::support::{
    PLATFORM, Place, all, at, complete, current, domain, find, handle, names, open, pair,
    reserve_rotation, rotate,
};

/// A file that schema version 1 was the newest for, written by the program of that time: `k1` of the
/// platform is current, its `k2` retired at 2 seconds, its `k3` reserved; `k1` of a domain retired.
const VERSION_1: &[u8] = include_bytes!("version1.db");

fn left_behind() -> Place {
    let place = Place::new();
    fs::write(place.path(), VERSION_1).unwrap();
    place
}

#[tokio::test]
async fn a_registry_of_version_1_is_brought_to_this_version_with_all_it_holds() {
    let place = left_behind();
    let registry = place.open().await;
    assert_eq!(names(&registry, all(9)).await, [["k1", "k2", "k1"]]);
    let first = current(&registry, PLATFORM).await.unwrap();
    assert_eq!(first.public_key, pair(PLATFORM, "k1").public_key);
    assert_eq!((first.version, first.valid_from), (1, at(1)));
    let second = find(&registry, &handle(PLATFORM, "k2")).await.unwrap();
    assert_eq!(
        (second.state, second.valid_until),
        (KeyState::Retired, Some(at(2)))
    );
    assert_eq!(
        registry.current(&domain(1)).await.unwrap(),
        CurrentKey::Retired
    );
    let pending = registry.pending().await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].purpose, Purpose::Generate);
    assert_eq!(
        registry
            .unsettled_retirements(RetirementStage::Unconfirmed)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        registry
            .unsettled_retirements(RetirementStage::Begun)
            .await
            .unwrap(),
        []
    );
    assert_eq!(registry.open_rotations().await.unwrap(), []);
    assert_eq!(registry.newest_change(), 11);
    let notices = registry.notices().await.unwrap();
    assert_eq!(notices.keys, []);
    assert_eq!(notices.scopes_without_current, [domain(1)]);

    let made = pair(PLATFORM, "k3");
    complete(&registry, &pending[0], &made, at(4))
        .await
        .unwrap();
    let transition = rotate(&registry, PLATFORM, "k4").await;
    assert_eq!(transition.old_handle_id, first.handle_id);
    let taken = reserve_rotation(&registry, PLATFORM, "k2").await;
    assert_eq!(taken, Reservation::Refused(ReservationRefused::NameTaken));
}

#[tokio::test]
async fn a_registry_is_brought_to_this_version_once() {
    let (place, twin) = (left_behind(), left_behind());
    let registry = place.open().await;
    let id = registry.identity().to_owned();
    assert_ne!(twin.open().await.identity(), id);
    registry.close().await.unwrap();
    drop(registry);
    let before = place.snapshot();
    let registry = place.open().await;
    assert_eq!(registry.identity(), id);
    registry.close().await.unwrap();
    assert_eq!(place.snapshot(), before);
}

#[tokio::test]
async fn what_was_brought_to_this_version_has_the_schema_of_what_is_made_new() {
    let (old, new) = (left_behind(), Place::new());
    let mut schemas = Vec::new();
    for place in [&old, &new] {
        place.open().await.close().await.unwrap();
        let mut raw = place.open_raw().await;
        let read = "SELECT name || ': ' || coalesce(sql, '') FROM sqlite_schema ORDER BY name";
        let schema: Vec<String> = sqlx::query_scalar(read).fetch_all(&mut raw).await.unwrap();
        schemas.push(schema);
        raw.close().await.unwrap();
    }
    assert_eq!(schemas[0], schemas[1]);
}

/// Whatever somebody changed, and whichever version the registry is of.
#[tokio::test]
async fn a_registry_whose_schema_is_not_that_of_its_version_is_refused_and_left_as_it_is() {
    for (change, object) in [
        (
            "ALTER TABLE signing_key DROP COLUMN reserved_at",
            "signing_key",
        ),
        (
            "ALTER TABLE signing_key ADD COLUMN note TEXT",
            "signing_key",
        ),
        ("DROP INDEX signing_key_current", "signing_key_current"),
        ("CREATE TABLE notes (id INTEGER)", "notes"),
        (
            "CREATE TRIGGER undo AFTER UPDATE ON signing_key BEGIN SELECT 1; END",
            "undo",
        ),
    ] {
        for place in [left_behind(), Place::new()] {
            if !place.path().exists() {
                place.open().await.close().await.unwrap();
            }
            let mut raw = place.open_raw().await;
            sqlx::raw_sql(change).execute(&mut raw).await.unwrap();
            raw.close().await.unwrap();
            let before = fs::read(place.path()).unwrap();
            let refusal = open(&place.path()).await.unwrap_err();
            let is_told = matches!(
                &refusal.refusal,
                RegistryRefusal::OtherSchema { object: found, .. } if found == object
            );
            assert!(is_told, "{change}: {refusal}");
            assert_eq!(fs::read(place.path()).unwrap(), before, "{change}");
        }
    }
}

/// A crash at any moment of the step leaves the version that was or the version that is to be.
#[tokio::test]
async fn a_step_that_was_cut_off_is_taken_again() {
    let place = left_behind();
    let registry = place.open().await;
    let database = fs::read(place.path()).unwrap();
    let log = fs::read(place.directory().join("registry.db-wal")).unwrap();
    drop(registry);
    assert_eq!(database, VERSION_1, "the step is in the log alone");
    for length in (0..=log.len()).step_by(4000).chain([log.len()]) {
        let image = left_behind();
        fs::write(image.directory().join("registry.db-wal"), &log[..length]).unwrap();
        let registry = image.open().await;
        assert_eq!(names(&registry, all(9)).await, [["k1", "k2", "k1"]]);
        rotate(&registry, PLATFORM, "k4").await;
    }
}
