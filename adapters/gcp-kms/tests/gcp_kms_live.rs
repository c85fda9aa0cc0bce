//! The provider on the real service, with a key ring and credentials of whoever runs it.
//!
//! `GCP_KMS_LIVE_KEY_RING` names the key ring, `GCP_KMS_LIVE_LEVEL` the protection level (`software` unless it
//! says `software`); credentials are found as in production. The test makes one key, which can be
//! disabled but not removed, so it is never run by itself.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, SystemTime};

use signer_cloud::CloudLimits;
use signer_domain::ports::{KeyProvider as _, KeyProviderError};
use signer_domain::{Deadline, Digest, KeyId, Scope};
use signer_gcp_kms::{GcpEndpoint, GcpKeyPrefix, GcpKmsProvider, GcpProtectionLevel, GcpSettings};
use signer_verify::verifier_for;

fn settings() -> GcpSettings {
    let key_ring = std::env::var("GCP_KMS_LIVE_KEY_RING");
    let key_ring = key_ring.expect("GCP_KMS_LIVE_KEY_RING names no key ring to test with");
    let level = std::env::var("GCP_KMS_LIVE_LEVEL");
    GcpSettings {
        key_ring: key_ring.parse().unwrap(),
        key_prefix: GcpKeyPrefix::default(),
        protection_level: level
            .map_or(GcpProtectionLevel::Software, |level| level.parse().unwrap()),
        endpoint: GcpEndpoint::of_google(),
        limits: CloudLimits {
            max_in_flight: NonZeroUsize::new(8).unwrap(),
            per_second: NonZeroU32::new(20).unwrap(),
        },
    }
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

#[tokio::test]
#[ignore = "needs a key ring of Google Cloud KMS, and leaves a disabled key behind"]
async fn the_real_service_keeps_the_contract() {
    signer_cloud::install_tls();
    let provider = GcpKmsProvider::new(settings());
    provider.check(soon()).await.unwrap();

    let scope = Scope::parse("platform").unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let key_id = KeyId::parse(&format!("live-{}", now.unwrap().as_millis())).unwrap();
    assert_eq!(
        provider.locate(&scope, &key_id, soon()).await.unwrap(),
        None
    );
    let key = provider.generate(&scope, &key_id, soon()).await.unwrap();
    let again = provider.generate(&scope, &key_id, soon()).await.unwrap();
    assert_eq!(again, key);

    let digest = Digest::from_bytes([7; 64]);
    let signature = provider
        .sign(&key.handle_id, &digest, soon())
        .await
        .unwrap();
    assert!(
        verifier_for(&key.public_key)
            .unwrap()
            .accepts(&digest, &signature)
    );
    let public_key = provider.public_key(&key.handle_id, soon()).await.unwrap();
    assert_eq!(public_key, key.public_key);

    for _ in 0..2 {
        provider.retire(&key.handle_id, soon()).await.unwrap();
    }
    let retired = provider.generate(&scope, &key_id, soon()).await;
    assert!(
        matches!(retired, Err(KeyProviderError::KeyRetired)),
        "{retired:?}"
    );
}
