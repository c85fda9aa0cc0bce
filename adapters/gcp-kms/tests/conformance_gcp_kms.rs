//! The Google Cloud KMS provider keeps the contract of its port, also when the service is cut off.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be made fails the test"
)]

#[path = "gcp_kms_support/mod.rs"]
mod support;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use signer_domain::ports::KeyProvider;
use signer_domain::{Deadline, HandleId, KeyId, Scope};
use signer_gcp_kms::GcpKmsProvider;
use signer_kit::conformance::{Fixture, Outages};
use signer_kit::conformance_suite;

use support::{Fake, KEY_RING};

conformance_suite!(gcp_kms, GcpKmsFixture, with outages);

struct GcpKmsFixture(Fake);

#[async_trait]
impl Fixture for GcpKmsFixture {
    async fn fresh() -> Self {
        signer_cloud::install_tls();
        Self(Fake::start())
    }

    async fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(GcpKmsProvider::new(self.0.settings()))
    }

    fn absent_handle(&self) -> HandleId {
        support::absent_handle()
    }
}

#[async_trait]
impl Outages for GcpKmsFixture {
    async fn begin_outage(&self) {
        self.0.server.stop();
    }

    async fn end_outage(&self) {
        self.0.server.resume();
    }
}

#[tokio::test]
async fn one_name_is_one_crypto_key_in_the_key_ring_whoever_generates_it() {
    let fixture = GcpKmsFixture::fresh().await;
    let (scope, key_id) = (
        Scope::parse("platform").unwrap(),
        KeyId::parse("k1").unwrap(),
    );
    let deadline = Deadline::after(Duration::from_secs(20));
    for _ in 0..3 {
        let provider = fixture.open().await;
        provider.generate(&scope, &key_id, deadline).await.unwrap();
        provider.locate(&scope, &key_id, deadline).await.unwrap();
    }
    let name = format!("{KEY_RING}/cryptoKeys/k-8819af2a8b51f9ccd84eb18177f035b924084f2a");
    assert_eq!(fixture.0.service.crypto_keys(), [name]);
    assert_eq!(fixture.0.service.pairs(), 1);
}
