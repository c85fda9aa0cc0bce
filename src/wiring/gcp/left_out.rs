//! What stands for the provider of Google Cloud KMS in a binary without it.

use signer_actors::ProviderSpec;
use signer_adapters::providers::support;
use signer_domain::ProviderName;

use crate::config::GcpConfig;
use crate::failure::Failure;

pub(super) fn spec(_config: &GcpConfig) -> Result<ProviderSpec, Failure> {
    Err(match support(ProviderName::GcpKms) {
        Err(refusal) => Failure::usage(refusal),
        Ok(()) => Failure::general("gcp-kms has no wiring"),
    })
}
