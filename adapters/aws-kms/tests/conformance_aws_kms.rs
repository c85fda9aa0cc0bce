//! The AWS KMS provider keeps the contract of its port, on a server of this program.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be made fails the test"
)]

#[path = "aws_support/mod.rs"]
mod support;

use std::sync::Arc;

use async_trait::async_trait;

use signer_cloud_fakes::FakeServer;
use signer_cloud_fakes::aws::{ACCOUNT, FakeAwsKms, REGION};
use signer_domain::HandleId;
use signer_domain::ports::KeyProvider;
use signer_kit::conformance::{Fixture, Outages};

signer_kit::conformance_suite!(aws_kms, FakeFixture, with outages);

/// An empty account.
struct FakeFixture(FakeServer);

#[async_trait]
impl Fixture for FakeFixture {
    async fn fresh() -> Self {
        Self(FakeServer::start(Arc::new(FakeAwsKms::new())))
    }

    async fn open(&self) -> Arc<dyn KeyProvider> {
        let settings = support::settings(&self.0.url(), REGION, "plexsphere-signer");
        Arc::new(support::open(&settings).await)
    }

    fn absent_handle(&self) -> HandleId {
        let arn = format!("aws-kms:arn:aws:kms:{REGION}:{ACCOUNT}:key/never-generated");
        HandleId::parse(&arn).unwrap()
    }

    fn secrets(&self) -> Vec<Vec<u8>> {
        vec![support::SECRET.into()]
    }
}

#[async_trait]
impl Outages for FakeFixture {
    async fn begin_outage(&self) {
        self.0.stop();
    }

    async fn end_outage(&self) {
        self.0.resume();
    }
}
