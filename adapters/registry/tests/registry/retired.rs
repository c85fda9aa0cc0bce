//! The retired keys, as somebody else reads them.

use signer_domain::ProviderName;
use signer_domain::ports::{RegistryStore as _, Retirements as _};
use signer_registry::{RegistryRefusal, RetiredKey, retired_keys};

use crate::support::{PLATFORM, Place, at, generate, pair, url};

async fn retired(place: &Place) -> Vec<RetiredKey> {
    let url = url(&place.path());
    retired_keys(&url, ProviderName::new("software"))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_retired_keys_are_read_beside_a_custodian_and_behind_it_and_nothing_changes() {
    let place = Place::new();
    let registry = place.open().await;
    generate(&registry, PLATFORM, "k1").await;
    let key = generate(&registry, PLATFORM, "k2").await;
    assert_eq!(retired(&place).await, []);
    registry.retire(&key, at(2)).await.unwrap();
    let made = pair(PLATFORM, "k2");
    let wanted = [RetiredKey {
        handle: made.handle_id,
        public_key: made.public_key,
    }];
    assert_eq!(retired(&place).await, wanted);
    let others = retired_keys(&url(&place.path()), ProviderName::new("pkcs11")).await;
    assert_eq!(others.unwrap(), []);
    // It would be told of a registry that somebody else writes.
    registry.check().await.unwrap();
    registry.close().await.unwrap();
    let before = place.snapshot();
    assert_eq!(retired(&place).await, wanted);
    assert_eq!(place.snapshot(), before);
}

#[tokio::test]
async fn what_is_no_registry_is_refused_and_not_made() {
    let place = Place::new();
    let absent = retired_keys(&url(&place.path()), ProviderName::new("pkcs11")).await;
    absent.unwrap_err();
    assert!(place.snapshot().is_empty());
    let raw = place.open_raw().await;
    sqlx::Connection::close(raw).await.unwrap();
    std::fs::write(place.path(), "dear diary, this is no database at all").unwrap();
    retired_keys(&url(&place.path()), ProviderName::new("pkcs11"))
        .await
        .unwrap_err();
    std::fs::remove_file(place.path()).unwrap();
    let mut raw = place.open_raw().await;
    let foreign = sqlx::raw_sql("CREATE TABLE signing_key (handle_id)");
    foreign.execute(&mut raw).await.unwrap();
    let refused = retired_keys(&url(&place.path()), ProviderName::new("pkcs11")).await;
    assert!(
        matches!(refused.unwrap_err().refusal, RegistryRefusal::Foreign),
        "another application"
    );
}
