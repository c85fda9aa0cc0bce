//! The check proves that the registry can be written, and leaves no trace that anybody reads.

use std::fs;

use signer_domain::ports::{RegistryStore as _, RotationRecords as _};
use sqlx::sqlite::SqliteConnection;

use crate::support::{
    PLATFORM, Place, at, complete, domain, generate, open_rotation, pair, reserve, reserved,
    rotation_reserved,
};

fn log_length(place: &Place) -> u64 {
    let log = place.directory().join("registry.db-wal");
    fs::metadata(log).unwrap().len()
}

fn log(place: &Place) -> Vec<u8> {
    fs::read(place.directory().join("registry.db-wal")).unwrap()
}

#[tokio::test]
async fn every_check_writes_and_none_counts_as_a_change() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let change = registry.newest_change();
    for _ in 0..5 {
        let before = log(&place);
        registry.check().await.unwrap();
        assert_ne!(log(&place), before);
    }
    assert_eq!(registry.newest_change(), change);
    registry.close().await.unwrap();
    drop(registry);
    assert_eq!(place.open().await.newest_change(), change);
}

#[tokio::test]
async fn checks_let_neither_the_database_nor_its_log_grow_without_end() {
    let place = Place::new();
    place.open().await.close().await.unwrap();
    let made = fs::metadata(place.path()).unwrap().len();
    let registry = place.open().await;
    let mut longest = 0;
    for _ in 0..1200 {
        registry.check().await.unwrap();
        longest = longest.max(log_length(&place));
    }
    // SQLite moves the log into the database when it holds a thousand pages.
    assert!(longest < 1100 * 4120, "{longest}");
    registry.close().await.unwrap();
    assert_eq!(fs::metadata(place.path()).unwrap().len(), made);
}

/// What a change that found no room leaves may be enough for less than a change.
#[tokio::test]
async fn behind_a_change_that_failed_a_check_takes_the_room_of_any_change() {
    let largest = largest_change().await;
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let growth = async || {
        let before = log_length(&place);
        registry.check().await.unwrap();
        log_length(&place) - before
    };
    assert!(growth().await < largest);

    let mut raw = place.open_raw().await;
    let execute = async |raw: &mut SqliteConnection, sql| {
        sqlx::raw_sql(sql).execute(raw).await.unwrap();
    };
    execute(&mut raw, "BEGIN IMMEDIATE").await;
    reserve(&registry, PLATFORM, "k2").await.unwrap_err();
    execute(&mut raw, "ROLLBACK").await;
    let (behind_a_failure, usual) = (growth().await, growth().await);
    assert!(
        usual < largest && largest <= behind_a_failure,
        "{usual} {largest} {behind_a_failure}"
    );
}

/// By how much any change of the registry let its log grow while it filled up to some hundred keys.
async fn largest_change() -> u64 {
    let place = Place::new();
    let mut largest = 0;
    for round in 0..10 {
        // With a new log, which grows with every change up to a thousand pages.
        let registry = place.open().await;
        let mut before = 0;
        let mut measure = || {
            let now = log_length(&place);
            largest = largest.max(now - before);
            before = now;
        };
        for number in 0..20 {
            let scope = domain(round * 20 + number);
            let (old, new) = (format!("{number:064}"), format!("x{number:063}"));
            let pending = reserved(&registry, scope, &old).await;
            measure();
            let made = pair(scope, &old);
            complete(&registry, &pending, &made, at(1)).await.unwrap();
            measure();
            let pending = rotation_reserved(&registry, scope, &new).await;
            measure();
            let made = pair(scope, &new);
            let opening = open_rotation(&registry, &pending, &made, at(11), at(20));
            let transition = opening.await.unwrap();
            measure();
            registry.close_rotation(&transition, at(20)).await.unwrap();
            measure();
        }
        registry.close().await.unwrap();
    }
    largest
}
