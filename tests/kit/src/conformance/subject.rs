//! Short forms of the calls that the cases make again and again.

use std::sync::Arc;
use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};

use signer_domain::ports::{GeneratedKey, KeyProvider, KeyProviderError};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};

use super::Fixture;

/// The provider under test, and a scope that no other case uses.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) provider: Arc<dyn KeyProvider>,
    pub(super) scope: Scope,
}

impl Subject {
    pub(super) async fn of(fixture: &impl Fixture) -> Self {
        Self {
            provider: fixture.open().await,
            scope: random_scope(),
        }
    }

    /// The provider of another process on the same back end.
    pub(super) async fn reopened(&self, fixture: &impl Fixture) -> Self {
        Self {
            provider: fixture.open().await,
            scope: self.scope,
        }
    }

    /// The same provider, asked about another scope.
    pub(super) fn in_scope(&self, scope: Scope) -> Self {
        Self {
            provider: Arc::clone(&self.provider),
            scope,
        }
    }

    /// Makes a key that must come into being.
    pub(super) async fn key(&self, name: &str) -> GeneratedKey {
        self.generate(name).await.unwrap()
    }

    pub(super) async fn generate(&self, name: &str) -> Result<GeneratedKey, KeyProviderError> {
        self.provider
            .generate(&self.scope, &key_id(name), soon())
            .await
    }

    pub(super) async fn locate(
        &self,
        name: &str,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        self.provider
            .locate(&self.scope, &key_id(name), soon())
            .await
    }

    pub(super) async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
    ) -> Result<Signature, KeyProviderError> {
        self.provider.sign(handle, digest, soon()).await
    }

    pub(super) async fn public_key(
        &self,
        handle: &HandleId,
    ) -> Result<PublicKey, KeyProviderError> {
        self.provider.public_key(handle, soon()).await
    }

    pub(super) async fn retire(&self, handle: &HandleId) -> Result<(), KeyProviderError> {
        self.provider.retire(handle, soon()).await
    }
}

/// A digest that differs for each `number`.
pub(super) fn digest(number: u8) -> Digest {
    super::oracle::digest_of(&[number])
}

pub(super) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

pub(super) fn key_id(name: &str) -> KeyId {
    KeyId::parse(name).unwrap()
}

/// A domain that nobody has seen before.
pub(super) fn random_scope() -> Scope {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).unwrap();
    let hex = format!("{:032x}", u128::from_ne_bytes(bytes));
    let (first, rest) = hex.split_at(8);
    let (second, rest) = rest.split_at(4);
    let (third, rest) = rest.split_at(4);
    let (fourth, fifth) = rest.split_at(4);
    Scope::parse(&format!("domain:{first}-{second}-{third}-{fourth}-{fifth}")).unwrap()
}

/// Asserts that the call failed for this cause.
macro_rules! assert_fails {
    ($outcome:expr, $cause:pat) => {
        let outcome = $outcome;
        assert!(
            matches!(outcome, Err($cause)),
            "expected {}, found {outcome:?}",
            stringify!($cause)
        );
    };
}

pub(super) use assert_fails;
