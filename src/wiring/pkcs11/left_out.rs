//! What stands for the PKCS#11 provider in a binary without it.

use prometheus_client::registry::Registry as Metrics;
use signer_actors::ProviderSpec;
use signer_adapters::providers::support;
use signer_adapters::registry::RetiredKey;
use signer_domain::ProviderName;

use super::OpenRegistry;
use super::pkcs11_report::{CheckDocument, MechanismsDocument};
use crate::config::Pkcs11Config;
use crate::failure::Failure;

/// There is none.
#[derive(Debug)]
pub(crate) enum OpenToken {}

impl OpenToken {
    #[expect(clippy::unused_async, reason = "stands for what waits for a token")]
    pub(super) async fn open(_config: &Pkcs11Config) -> Result<Self, Failure> {
        Err(refusal())
    }

    pub(super) const fn spec(&self) -> ProviderSpec {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "stands for what waits for a registry")]
    pub(super) async fn learn_from(&self, _registry: &OpenRegistry) -> Result<(), Failure> {
        match *self {}
    }

    pub(super) const fn register(&self, _metrics: &mut Metrics) {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "stands for what waits for a token")]
    pub(super) async fn stuck(&self) {
        match *self {}
    }

    pub(super) fn close<T>(self, _outcome: Result<T, Failure>) -> Result<T, Failure> {
        match self {}
    }
}

pub(crate) fn mechanisms(_config: &Pkcs11Config) -> Result<MechanismsDocument, Failure> {
    Err(refusal())
}

pub(crate) fn check(
    _config: &Pkcs11Config,
    _retired: Option<&[RetiredKey]>,
) -> Result<(CheckDocument, Result<(), Failure>), Failure> {
    Err(refusal())
}

pub(crate) async fn accept(_config: &Pkcs11Config) -> Result<&'static str, Failure> {
    Err(refusal())
}

fn refusal() -> Failure {
    match support(ProviderName::Pkcs11) {
        Err(refusal) => Failure::usage(refusal),
        Ok(()) => Failure::general("pkcs11 has no wiring"),
    }
}
