//! What stands for the provider of Azure Key Vault in a binary without it.

use signer_actors::ProviderSpec;
use signer_adapters::providers::support;
use signer_domain::ProviderName;

use crate::config::AzureConfig;
use crate::failure::Failure;

#[expect(clippy::unused_async, reason = "stands for what waits for a vault")]
pub(super) async fn check(_config: &AzureConfig) -> Result<(), Failure> {
    Err(refusal())
}

pub(super) fn spec(_config: &AzureConfig) -> Result<ProviderSpec, Failure> {
    Err(refusal())
}

fn refusal() -> Failure {
    match support(ProviderName::AzureKv) {
        Err(refusal) => Failure::usage(refusal),
        Ok(()) => Failure::general("azure-kv has no wiring"),
    }
}
