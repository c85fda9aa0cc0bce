//! A real vault, for those who have one: see `docs/cloud/azure-kv.md` for the command.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a step that fails fails the test"
)]

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use signer_azure_kv::{
    AzureCredentials, AzureKvMode, AzureKvProvider, AzureKvSettings, WrappingKey,
};
use signer_cloud::CloudLimits;
use signer_cloud::install_tls;
use signer_domain::ports::{KeyProvider as _, KeyProviderError};
use signer_domain::{Deadline, Digest, KeyId, Scope};
use signer_verify::verifier_for;

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn open() -> AzureKvProvider {
    install_tls();
    let vault = setting("SIGNER_LIVE_AZURE_VAULT_URL");
    let home =
        setting("SIGNER_LIVE_AZURE_WRAPPING_KEY_TYPE").unwrap_or_else(|| "rsa-hsm".to_owned());
    let settings = AzureKvSettings {
        vault: vault
            .expect("SIGNER_LIVE_AZURE_VAULT_URL names a vault")
            .parse()
            .unwrap(),
        mode: AzureKvMode::Envelope,
        wrapping_key: WrappingKey {
            home: home.parse().unwrap(),
            size: "3072".parse().unwrap(),
        },
        token_resource: None,
        credentials: AzureCredentials::from_environment().unwrap(),
        limits: CloudLimits {
            max_in_flight: NonZeroUsize::new(16).unwrap(),
            per_second: NonZeroU32::new(20).unwrap(),
        },
    };
    AzureKvProvider::open(&settings).unwrap()
}

#[tokio::test]
#[ignore = "needs a vault and credentials of Azure"]
async fn a_key_lives_and_retires_in_a_real_vault() {
    let soon = || Deadline::after(Duration::from_secs(30));
    let provider = open();
    provider.check(soon()).await.unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let key_id = KeyId::parse(&format!("live-{now}")).unwrap();
    let (scope, digest) = (Scope::Platform, Digest::from_bytes([7; 64]));
    assert_eq!(
        provider.locate(&scope, &key_id, soon()).await.unwrap(),
        None
    );
    let key = provider.generate(&scope, &key_id, soon()).await.unwrap();

    let reopened = open();
    assert_eq!(
        reopened.generate(&scope, &key_id, soon()).await.unwrap(),
        key
    );
    let signature = reopened
        .sign(&key.handle_id, &digest, soon())
        .await
        .unwrap();
    let verifier = verifier_for(&key.public_key).unwrap();
    assert!(verifier.accepts(&digest, &signature));

    for _ in 0..2 {
        provider.retire(&key.handle_id, soon()).await.unwrap();
    }
    let refused = reopened.sign(&key.handle_id, &digest, soon()).await;
    assert!(
        matches!(refused, Err(KeyProviderError::KeyRetired)),
        "{refused:?}"
    );
    let shown = provider.public_key(&key.handle_id, soon()).await.unwrap();
    assert_eq!(shown, key.public_key);
}
