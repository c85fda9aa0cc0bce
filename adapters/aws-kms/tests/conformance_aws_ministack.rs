//! The AWS KMS provider keeps the contract of its port on a server that others wrote, too: on the one
//! that the variable `AWS_MINISTACK_URL` names. `scripts/test` starts it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a fixture that cannot be made fails the test"
)]

#[path = "aws_support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use signer_aws_kms::AwsKmsSettings;
use signer_domain::HandleId;
use signer_domain::ports::KeyProvider;
use signer_kit::conformance::Fixture;

/// Where that server keeps all keys.
const REGION: &str = "us-east-1";
const ACCOUNT: &str = "000000000000";

signer_kit::conformance_suite!(aws_ministack, MinistackFixture);

/// A part of the account that no other case uses.
struct MinistackFixture(AwsKmsSettings);

#[async_trait]
impl Fixture for MinistackFixture {
    async fn fresh() -> Self {
        static CASES: AtomicU64 = AtomicU64::new(0);
        let endpoint = std::env::var("AWS_MINISTACK_URL")
            .expect("AWS_MINISTACK_URL names no server to test with");
        let case = CASES.fetch_add(1, Ordering::SeqCst);
        let prefix = format!("run-{}/case-{case}", std::process::id());
        Self(support::settings(&endpoint, REGION, &prefix))
    }

    async fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(support::open(&self.0).await)
    }

    fn absent_handle(&self) -> HandleId {
        let id = "0d1e2f3a-4b5c-6d7e-8f90-a1b2c3d4e5f6";
        let arn = format!("aws-kms:arn:aws:kms:{REGION}:{ACCOUNT}:key/{id}");
        HandleId::parse(&arn).unwrap()
    }

    fn secrets(&self) -> Vec<Vec<u8>> {
        vec![support::SECRET.into()]
    }
}
