//! The Azure provider keeps the contract of its port in both modes, on a fake vault over real TLS.
//!
//! The vault of the native mode offers Ed25519, which no vault of Azure does today.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be made fails the test"
)]

#[path = "azure_kv_support/mod.rs"]
mod support;

use std::sync::Arc;

use async_trait::async_trait;

use signer_azure_kv::AzureKvMode;
use signer_cloud_fakes::{FakeVault, VaultKind};
use signer_domain::HandleId;
use signer_domain::ports::KeyProvider;
use signer_kit::conformance::{Fixture, Outages};

use support::Stage;

signer_kit::conformance_suite!(envelope, EnvelopeFixture, with outages);
signer_kit::conformance_suite!(native, NativeFixture, with outages);

/// An empty vault of today, where keys are kept in envelopes.
struct EnvelopeFixture(Stage);

/// An empty vault of another day, which signs.
struct NativeFixture(Stage);

/// Makes a fixture of a type that holds nothing but a stage.
macro_rules! fixture {
    ($fixture:ident, $kind:expr, $mode:expr) => {
        #[async_trait]
        impl Fixture for $fixture {
            async fn fresh() -> Self {
                Self(Stage::new($kind))
            }

            async fn open(&self) -> Arc<dyn KeyProvider> {
                Arc::new(self.0.open($mode))
            }

            fn absent_handle(&self) -> HandleId {
                absent_handle()
            }

            fn secrets(&self) -> Vec<Vec<u8>> {
                secrets(&self.0.vault)
            }
        }

        #[async_trait]
        impl Outages for $fixture {
            async fn begin_outage(&self) {
                self.0.server.stop();
            }

            async fn end_outage(&self) {
                self.0.server.resume();
            }
        }
    };
}

fixture!(EnvelopeFixture, VaultKind::Premium, AzureKvMode::Envelope);
fixture!(NativeFixture, VaultKind::WithEd25519, AzureKvMode::Native);

fn absent_handle() -> HandleId {
    let name = "k-0000000000000000000000000000000000000000";
    HandleId::parse(&format!("azure-kv:{name}/00000000000000000000000000000000")).unwrap()
}

fn secrets(vault: &FakeVault) -> Vec<Vec<u8>> {
    let credentials = vault.credentials().into_iter().map(String::into_bytes);
    vault.secrets().into_iter().chain(credentials).collect()
}
