//! The contract of the key registry, held by the SQLite adapter, and what only this store has.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

#[path = "registry/access.rs"]
mod access;
#[path = "registry/crash.rs"]
mod crash;
#[path = "registry/faults.rs"]
mod faults;
#[path = "registry/identity.rs"]
mod identity;
#[path = "registry/migration.rs"]
mod migration;
#[path = "registry/opening.rs"]
mod opening;
#[path = "registry/overwriting.rs"]
mod overwriting;
#[path = "registry/ownership.rs"]
mod ownership;
#[path = "registry/retired.rs"]
mod retired;
#[path = "registry/scale.rs"]
mod scale;
#[path = "registry/support.rs"]
mod support;
#[path = "registry/writable.rs"]
mod writable;

use async_trait::async_trait;
use signer_domain::ports::RegistryStore as _;
use signer_kit::registry::RegistryFixture;
use signer_registry::SqliteRegistry;

use self::support::Place;

#[async_trait]
impl RegistryFixture for Place {
    type Registry = SqliteRegistry;

    async fn fresh() -> Self {
        Self::new()
    }

    async fn open(&self) -> SqliteRegistry {
        Self::open(self).await
    }

    async fn open_again(&self, registry: SqliteRegistry) -> SqliteRegistry {
        registry.close().await.unwrap();
        drop(registry);
        Self::open(self).await
    }
}

signer_kit::registry_suite!(sqlite, Place);
