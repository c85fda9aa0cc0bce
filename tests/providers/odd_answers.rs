//! Whatever a service, or what stands in its place, answers for a while: a call fails by its deadline,
//! nothing is read without end, and everything works again when the service does, without a restart.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails is a test that fails"
)]

#[path = "../../adapters/aws-kms/tests/aws_support/mod.rs"]
mod aws;
#[path = "../../adapters/azure-kv/tests/azure_kv_support/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod azure;
#[path = "../../adapters/gcp-kms/tests/gcp_kms_support/mod.rs"]
#[expect(dead_code, reason = "other tests use more of it")]
mod gcp;
mod oddities;

use std::sync::Arc;
use std::time::{Duration, Instant};

use signer_azure_kv::AzureKvMode;
use signer_cloud_fakes::aws::{FakeAwsKms, REGION};
use signer_cloud_fakes::{FakeServer, VaultKind};
use signer_domain::ports::{KeyProvider, KeyProviderError};
use signer_domain::{Deadline, Digest, KeyId, Scope};
use signer_gcp_kms::GcpKmsProvider;
use signer_verify::verifier_for;

use self::oddities::{Oddity, oddities};

/// How long a call is given while the answers are odd.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long after the last odd answer everything may take to work. Tokens are read anew after five
/// seconds at the earliest; the rest is for a busy machine.
const HEALING: Duration = Duration::from_secs(20);
/// The most that may be taken of an answer without an end: what is read, the three tries of a call, and
/// the buffers of the connections.
const MOST_TAKEN: usize = 48 * 1024 * 1024;

#[tokio::test]
async fn aws_kms_heals_after_every_odd_answer_and_reads_none_without_end() {
    signer_cloud::install_tls();
    let server = FakeServer::start(Arc::new(FakeAwsKms::new()));
    let settings = aws::settings(&server.url(), REGION, "plexsphere-signer");
    heals(&aws::open(&settings).await, &server).await;
}

#[tokio::test]
async fn google_cloud_kms_heals_after_every_odd_answer_and_reads_none_without_end() {
    signer_cloud::install_tls();
    let fake = gcp::Fake::start();
    heals(&GcpKmsProvider::new(fake.settings()), &fake.server).await;
}

#[tokio::test]
async fn a_vault_with_envelopes_heals_after_every_odd_answer_and_reads_none_without_end() {
    let stage = azure::Stage::new(VaultKind::Premium);
    heals(&stage.open(AzureKvMode::Envelope), &stage.server).await;
}

#[tokio::test]
async fn a_vault_that_signs_heals_after_every_odd_answer_and_reads_none_without_end() {
    let stage = azure::Stage::new(VaultKind::WithEd25519);
    heals(&stage.open(AzureKvMode::Native), &stage.server).await;
}

async fn heals(provider: &dyn KeyProvider, server: &FakeServer) {
    let key_id = KeyId::parse("k1").unwrap();
    let deadline = Deadline::after(PATIENCE);
    let key = provider.generate(&Scope::Platform, &key_id, deadline);
    let key = key.await.unwrap();
    let verifier = verifier_for(&key.public_key).unwrap();
    let digest = Digest::from_bytes([7; 64]);
    let sign = || provider.sign(&key.handle_id, &digest, Deadline::after(PATIENCE));
    for Oddity { name, fault } in oddities(&server.url()) {
        server.inject(usize::MAX, |_| true, fault);
        let refused = sign().await.expect_err(name);
        assert!(!is_of_the_key(&refused), "{name}: {refused:?}");
        drop(provider.check(Deadline::after(PATIENCE)).await);
        let located = provider.locate(&Scope::Platform, &key_id, Deadline::after(PATIENCE));
        assert!(
            !matches!(located.await, Ok(None)),
            "{name}: the key was taken for absent"
        );
        let taken = server.taken();
        assert!(taken < MOST_TAKEN, "{name}: {taken} bytes were taken");
        server.clear_faults();
        let healed = Instant::now();
        let signature = loop {
            match sign().await {
                Ok(signature) => break signature,
                Err(error) => {
                    assert!(healed.elapsed() < HEALING, "{name} for ever: {error:?}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        };
        assert!(verifier.accepts(&digest, &signature), "{name}");
        provider.check(Deadline::after(PATIENCE)).await.expect(name);
    }
}

/// Whether an error says something of the key, which no odd answer can know.
fn is_of_the_key(error: &KeyProviderError) -> bool {
    matches!(
        error,
        KeyProviderError::KeyNotFound | KeyProviderError::KeyRetired
    )
}
