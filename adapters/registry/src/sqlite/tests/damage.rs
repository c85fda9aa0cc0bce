//! Rows that no version writes, which the check at opening has passed over.

use std::error::Error as _;
use std::num::NonZeroU32;

use signer_domain::ports::RotationRecords as _;
use signer_domain::{PublicKey, RotationTransition};

use super::*;

/// The context and the cause of an unavailable registry.
fn unavailable<T: fmt::Debug>(answer: Result<T, KeyRegistryError>) -> (&'static str, String) {
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

/// What another program writes while the registry is open is not even read.
async fn damaged_by(registry: &SqliteRegistry, sql: &'static str) {
    for sql in ["PRAGMA ignore_check_constraints = ON", sql] {
        ask(&registry.writer, sql, 0).await;
    }
}

fn handle(name: &str) -> HandleId {
    HandleId::parse(&format!("software:{name}")).unwrap()
}

fn pair(name: &str) -> GeneratedKey {
    GeneratedKey {
        handle_id: handle(name),
        public_key: PublicKey::from_bytes([1; 32]),
    }
}

fn all() -> KeyQuery {
    KeyQuery {
        scope: None,
        state: None,
        limit: NonZeroU32::MAX,
        after: None,
    }
}

async fn reserve(registry: &SqliteRegistry, name: &str) -> Result<Reservation, KeyRegistryError> {
    registry.reserve(&wanted(name)).await
}

async fn generate(registry: &SqliteRegistry, name: &str) {
    let reservation = reserve(registry, name).await.unwrap();
    let Reservation::Reserved(pending) = reservation else {
        panic!("{reservation:?}");
    };
    let (made, at) = (pair(name), Timestamp::UNIX_EPOCH);
    let completing = registry.complete(&pending, &made, at, at);
    completing.await.unwrap();
}

async fn rotate(registry: &SqliteRegistry, name: &str) -> RotationTransition {
    let wanted = WantedKey {
        purpose: Purpose::Rotate,
        ..wanted(name)
    };
    let reservation = registry.reserve(&wanted).await.unwrap();
    let Reservation::Reserved(pending) = reservation else {
        panic!("{reservation:?}");
    };
    let made = pair(name);
    let at = Timestamp::UNIX_EPOCH;
    let opening = registry.complete(&pending, &made, at, at);
    opening.await.unwrap().rotation.unwrap()
}

#[tokio::test]
async fn a_row_that_no_version_writes_is_an_error_not_a_key() {
    for (damage, column) in [
        ("UPDATE signing_key SET scope = 'PLATFORM'", "scope"),
        ("UPDATE signing_key SET key_id = '../k1'", "key_id"),
        ("UPDATE signing_key SET public_key = x'00'", "public_key"),
        ("UPDATE signing_key SET state = 'compromised'", "state"),
        ("UPDATE signing_key SET version = -1", "version"),
        ("UPDATE signing_key SET is_current = 2", "is_current"),
        (
            "UPDATE signing_key SET valid_from = 9223372036854775807",
            "valid_from",
        ),
        ("UPDATE signing_key SET valid_from = NULL", "valid_from"),
        (
            "UPDATE signing_key SET valid_until = -9223372036854775807",
            "valid_until",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let registry = open(&directory).await;
        generate(&registry, "k1").await;
        damaged_by(&registry, damage).await;
        let (context, cause) = unavailable(registry.find(&handle("k1")).await);
        assert_eq!(context, "reading a key record", "{damage}");
        assert!(cause.contains(&format!("column {column} ")), "{cause}");
        let (context, _) = unavailable(registry.list(&all()).await);
        assert_eq!(context, "reading a key record", "{damage}");
    }
}

#[tokio::test]
async fn a_rotation_that_no_version_writes_is_an_error_not_a_rotation() {
    for (damage, column) in [
        (
            "UPDATE rotation SET opened_at = 9223372036854775807",
            "opened_at",
        ),
        ("UPDATE rotation SET closes_at = NULL", "closes_at"),
        (
            "UPDATE signing_key SET handle_id = 'software:bl ank' WHERE key_id = 'k1'",
            "old_handle_id",
        ),
        (
            "UPDATE signing_key SET handle_id = 'software:bl ank' WHERE key_id = 'k2'",
            "new_handle_id",
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let registry = open(&directory).await;
        generate(&registry, "k1").await;
        let transition = rotate(&registry, "k2").await;
        damaged_by(&registry, damage).await;
        for answer in [
            registry.rotation(&Scope::Platform).await.map(drop),
            registry.open_rotations().await.map(drop),
            registry
                .close_rotation(&transition, Timestamp::UNIX_EPOCH)
                .await
                .map(drop),
        ] {
            let (context, cause) = unavailable(answer);
            assert_eq!(context, "reading a key record", "{damage}");
            assert!(cause.contains(&format!("column {column} ")), "{cause}");
        }
    }
}

#[tokio::test]
async fn a_reservation_of_an_unknown_purpose_is_an_error_not_a_reservation() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    reserve(&registry, "k1").await.unwrap();
    damaged_by(&registry, "UPDATE signing_key SET purpose = 'play'").await;
    let (context, cause) = unavailable(registry.pending().await);
    assert_eq!(context, "reading a key record");
    assert!(cause.contains("column purpose "), "{cause}");
}

#[tokio::test]
async fn a_handle_that_does_not_parse_is_an_error_where_it_is_met() {
    let directory = tempfile::tempdir().unwrap();
    let registry = open(&directory).await;
    generate(&registry, "k1").await;
    damaged_by(
        &registry,
        "UPDATE signing_key SET handle_id = 'software:bl ank'",
    )
    .await;
    assert_eq!(
        unavailable(registry.current(&Scope::Platform).await).0,
        "reading a key record"
    );
    assert_eq!(
        unavailable(reserve(&registry, "k1").await).0,
        "reading a key record"
    );
    assert_eq!(registry.find(&handle("k1")).await.unwrap(), None);
}
