//! Ten thousand keys.

use std::time::Instant;

use signer_domain::ports::{KeyRecords as _, RegistryStore as _};
use sqlx::Connection as _;

use crate::support::{PLATFORM, Place, all, find, handle, pair};

/// The keys, written past the registry: ten thousand durable changes would take a while.
async fn fill(place: &Place, keys: u32) {
    place.open().await.close().await.unwrap();
    let mut raw = place.open_raw().await;
    let mut transaction = raw.begin().await.unwrap();
    for number in 0..keys {
        let key_id = format!("release-key-{number:06}");
        let made = pair(PLATFORM, &key_id);
        sqlx::query(
            "INSERT INTO signing_key (scope, key_id, provider, state, is_current, handle_id,
                 public_key, reserved_at, valid_from, version, id, listed, seq)
             VALUES ('platform', ?1, 'software', 'active', 0, ?2, ?3, 1, 1, 1, ?4, ?4 + 1, ?4 + 1)",
        )
        .bind(key_id)
        .bind(made.handle_id.as_str())
        .bind(made.public_key.as_bytes().as_slice())
        .bind(i64::from(number) * 2 + 1)
        .execute(&mut *transaction)
        .await
        .unwrap();
    }
    transaction.commit().await.unwrap();
    raw.close().await.unwrap();
}

#[tokio::test]
async fn serves_ten_thousand_keys_and_reports_how_fast() {
    let place = Place::new();
    fill(&place, 10_000).await;

    let begun = Instant::now();
    let registry = place.open().await;
    let opened = begun.elapsed();
    let begun = Instant::now();
    let found = find(&registry, &handle(PLATFORM, "release-key-009999")).await;
    let first = begun.elapsed();
    assert_eq!(found.unwrap().key_id.as_str(), "release-key-009999");

    let begun = Instant::now();
    for number in 0..1000 {
        let wanted = handle(PLATFORM, &format!("release-key-{:06}", number * 10));
        assert!(find(&registry, &wanted).await.is_some());
    }
    let each = begun.elapsed() / 1000;
    let begun = Instant::now();
    let page = registry.list(&all(1000)).await.unwrap();
    let listed = begun.elapsed();
    assert_eq!(page.keys.len(), 1000);
    println!("10,000 keys: open {opened:?}, first find {first:?}, find {each:?}, page {listed:?}");
}
