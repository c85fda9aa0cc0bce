//! The PKCS#11 provider keeps the contract of its port, on a real module.
//!
//! `PKCS11_MODULE` names the module; without it every case fails. The cases make tokens of their own,
//! in a place of their own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a fixture that cannot be made fails the test"
)]

#[path = "pkcs11_support/mod.rs"]
mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;

use signer_domain::HandleId;
use signer_domain::ports::KeyProvider;
use signer_kit::conformance::Fixture;

use support::{TestToken, USER_PIN};

signer_kit::conformance_suite!(pkcs11, TokenFixture);

/// Enough for the cases on what happens at once.
const SESSIONS: NonZeroUsize = NonZeroUsize::new(3).unwrap();

/// An empty token of the module under test.
struct TokenFixture(TestToken);

#[async_trait]
impl Fixture for TokenFixture {
    async fn fresh() -> Self {
        Self(TestToken::fresh().await)
    }

    async fn open(&self) -> Arc<dyn KeyProvider> {
        self.0
            .provider_with(support::module(&support::module_path()), SESSIONS)
    }

    fn absent_handle(&self) -> HandleId {
        HandleId::parse("pkcs11:plexsphere:platform:never-generated").unwrap()
    }

    fn secrets(&self) -> Vec<Vec<u8>> {
        vec![USER_PIN.as_bytes().to_vec()]
    }
}
