//! Every key provider keeps the contract of its port. One line a provider; the cases are in
//! `signer_adapters::conformance`.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be made fails the test"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;

use signer_adapters::conformance::{AbsentKeys, Fixture, Outages};
use signer_adapters::crash::Remembering;
use signer_adapters::providers::software::{SoftwareProvider, create_seed_file};
use signer_adapters::providers::testdouble::{Failure, Operation, TestDouble};
use signer_domain::HandleId;
use signer_domain::ports::KeyProvider;

signer_adapters::conformance_suite!(software, SoftwareFixture);
signer_adapters::conformance_suite!(testdouble, TestDoubleFixture, with outages);
signer_adapters::conformance_suite!(remembering, RememberingFixture);

/// A seed file: all that the software provider stores.
struct SoftwareFixture {
    directory: TempDir,
}

impl SoftwareFixture {
    fn seed_file(&self) -> PathBuf {
        self.directory.path().join("seed.bin")
    }
}

#[async_trait]
impl Fixture for SoftwareFixture {
    async fn fresh() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let fixture = Self { directory };
        create_seed_file(&fixture.seed_file()).unwrap();
        fixture
    }

    async fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(SoftwareProvider::open(&self.seed_file()).unwrap())
    }

    fn absent_handle(&self) -> HandleId {
        HandleId::parse("software:platform|never-generated").unwrap()
    }

    fn absent_keys(&self) -> AbsentKeys {
        AbsentKeys::Derived
    }

    fn secrets(&self) -> Vec<Vec<u8>> {
        vec![std::fs::read(self.seed_file()).unwrap()]
    }
}

/// The software provider with a memory of which keys it made.
struct RememberingFixture(SoftwareFixture);

#[async_trait]
impl Fixture for RememberingFixture {
    async fn fresh() -> Self {
        Self(SoftwareFixture::fresh().await)
    }

    async fn open(&self) -> Arc<dyn KeyProvider> {
        let memory = self.0.directory.path().join("keys.txt");
        Arc::new(Remembering::new(self.0.open().await, memory))
    }

    fn absent_handle(&self) -> HandleId {
        self.0.absent_handle()
    }
}

/// The double is its own back end; an outage is scripted.
struct TestDoubleFixture {
    double: TestDouble,
}

#[async_trait]
impl Fixture for TestDoubleFixture {
    async fn fresh() -> Self {
        Self {
            double: TestDouble::new(),
        }
    }

    async fn open(&self) -> Arc<dyn KeyProvider> {
        Arc::new(self.double.clone())
    }

    fn absent_handle(&self) -> HandleId {
        HandleId::parse("testdouble:platform|never-generated").unwrap()
    }
}

#[async_trait]
impl Outages for TestDoubleFixture {
    async fn begin_outage(&self) {
        for operation in Operation::ALL {
            let outage = Failure::ProviderUnavailable {
                retry_after: Duration::from_secs(1),
                outcome_unknown: false,
            };
            self.double.inject_failure(operation, outage);
        }
    }

    async fn end_outage(&self) {
        self.double.clear_failures();
    }
}
