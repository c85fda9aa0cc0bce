//! What goes wrong while the registry is open.

use std::error::Error as _;
use std::fs;
use std::time::{Duration, Instant};

use signer_domain::ports::{
    CurrentKey, KeyRecords as _, KeyRegistryError, RegistryStore as _, Reservations as _,
    Retirements as _,
};
use signer_registry::SqliteRegistry;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

use crate::support::{
    PLATFORM, Place, all, at, complete, find, generate, handle, pair, reserve, reserved,
};

/// The context and the cause of an unavailable registry.
fn unavailable<T: std::fmt::Debug>(answer: Result<T, KeyRegistryError>) -> (&'static str, String) {
    let error = answer.unwrap_err();
    let mut chain = String::new();
    let mut cause = error.source();
    while let Some(link) = cause {
        chain = format!("{chain}: {link}");
        cause = link.source();
    }
    let KeyRegistryError::Unavailable { context, .. } = error else {
        panic!("{error:?}");
    };
    (context, chain)
}

async fn execute(raw: &mut SqliteConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(raw).await.unwrap();
}

#[tokio::test]
async fn while_another_program_holds_the_lock_changes_fail_in_time_and_questions_are_answered() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let mut raw = place.open_raw().await;
    execute(&mut raw, "BEGIN IMMEDIATE").await;

    let begun = Instant::now();
    let (context, cause) = unavailable(registry.retire(&key, at(2)).await);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(context, "retiring a key");
    assert!(cause.contains("locked"), "{cause}");
    assert_eq!(
        unavailable(registry.check().await).0,
        "checking the registry"
    );
    assert_eq!(find(&registry, &key.handle_id).await, Some(key.clone()));

    execute(&mut raw, "ROLLBACK").await;
    registry.check().await.unwrap();
    assert_eq!(registry.retire(&key, at(2)).await.unwrap().version, 2);
}

#[tokio::test]
async fn every_caller_in_a_queue_behind_a_lock_is_answered_in_time() {
    let place = Place::new();
    let registry = std::sync::Arc::new(place.open().await);
    let mut raw = place.open_raw().await;
    execute(&mut raw, "BEGIN IMMEDIATE").await;
    let begun = Instant::now();
    let mut callers = Vec::new();
    for number in 0..20 {
        let registry = std::sync::Arc::clone(&registry);
        callers.push(tokio::spawn(async move {
            reserve(&*registry, PLATFORM, &format!("k{number}")).await
        }));
    }
    for caller in callers {
        assert_eq!(unavailable(caller.await.unwrap()).0, "reserving a key");
    }
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
    execute(&mut raw, "ROLLBACK").await;
    let after = reserved(&*registry, PLATFORM, "after").await;
    assert_eq!(registry.pending().await.unwrap(), [after]);
}

#[tokio::test]
async fn acknowledges_nothing_once_its_file_was_removed_or_replaced() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    let away = place.directory().join("away.db");
    fs::rename(place.path(), &away).unwrap();
    for replaced in [false, true] {
        if replaced {
            fs::copy(&away, place.path()).unwrap();
        }
        let (context, cause) = unavailable(registry.retire(&key, at(2)).await);
        assert_eq!(context, "retiring a key");
        assert!(cause.contains("removed or replaced"), "{cause}");
        assert_eq!(
            unavailable(registry.check().await).0,
            "checking the registry"
        );
    }
    fs::rename(&away, place.path()).unwrap();
    assert_eq!(find(&registry, &key.handle_id).await, Some(key.clone()));
    registry.retire(&key, at(3)).await.unwrap();
}

#[tokio::test]
async fn a_closed_registry_serves_no_more() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    registry.close().await.unwrap();
    registry.close().await.unwrap();
    let (context, cause) = unavailable(registry.find(&handle(PLATFORM, "k1")).await);
    assert_eq!(context, "finding a key");
    assert!(cause.contains("closed"), "{cause}");
    assert_eq!(
        unavailable(registry.check().await).0,
        "checking the registry"
    );
}

#[test]
fn a_change_that_the_end_of_its_event_loop_cuts_off_blocks_nobody() {
    let place = Place::new();
    let main = event_loop();
    let registry: SqliteRegistry = main.block_on(place.open());
    for round in 0..60 {
        let key_id = format!("k{round}");
        let doomed = event_loop();
        doomed.block_on(async {
            let reserving = reserve(&registry, PLATFORM, &key_id);
            let patience = Duration::from_micros(20 * round);
            drop(tokio::time::timeout(patience, reserving).await);
        });
        drop(doomed);
        main.block_on(async {
            registry.check().await.unwrap();
            let reservation = reserved(&registry, PLATFORM, &key_id).await;
            let made = pair(PLATFORM, &key_id);
            complete(&registry, &reservation, &made, at(1))
                .await
                .unwrap();
        });
    }
    let page = main.block_on(registry.list(&all(100))).unwrap();
    assert_eq!(page.keys.len(), 60);
    let current = main.block_on(registry.current(&PLATFORM)).unwrap();
    assert!(matches!(current, CurrentKey::Key(_)));
}

#[tokio::test]
async fn a_change_whose_caller_gives_up_is_finished_all_the_same() {
    let place = Place::new();
    let registry = place.open().await;
    let key = generate(&registry, PLATFORM, "k1").await;
    for _ in 0..100 {
        let retiring = registry.retire(&key, at(2));
        drop(tokio::time::timeout(Duration::from_micros(1), retiring).await);
        registry.check().await.unwrap();
    }
    assert!(
        !find(&registry, &key.handle_id)
            .await
            .unwrap()
            .state
            .may_sign()
    );
}

#[tokio::test]
async fn another_program_may_read_a_backup_while_the_registry_is_open() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let mut raw = place.open_raw().await;
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM signing_key")
        .fetch_one(&mut raw)
        .await
        .unwrap();
    assert_eq!(count, 1);
    raw.close().await.unwrap();
    generate(&registry, PLATFORM, "k2").await;
}

fn event_loop() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}
