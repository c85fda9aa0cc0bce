//! The software provider keeps the contract of its port; so does the memory that tests give it.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be made fails the test"
)]

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use tempfile::TempDir;

use signer_domain::HandleId;
use signer_domain::ports::KeyProvider;
use signer_kit::conformance::{AbsentKeys, Fixture};
use signer_kit::crash::Remembering;
use signer_software::{SoftwareProvider, create_seed_file};

signer_kit::conformance_suite!(software, SoftwareFixture);
signer_kit::conformance_suite!(remembering, RememberingFixture);

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
