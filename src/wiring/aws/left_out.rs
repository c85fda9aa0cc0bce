//! What stands for the AWS KMS provider in a binary without it.

use signer_actors::ProviderSpec;
use signer_adapters::providers::support;
use signer_domain::ProviderName;

use crate::config::AwsConfig;
use crate::failure::Failure;

/// There is none.
#[derive(Debug)]
pub(crate) enum AwsKms {}

impl AwsKms {
    #[expect(clippy::unused_async, reason = "stands for what asks for a region")]
    pub(super) async fn prepare(config: &AwsConfig) -> Result<Self, Failure> {
        // A binary without the provider judges none of its settings.
        let AwsConfig {
            region: _,
            endpoint_url: _,
            profile: _,
            alias_prefix: _,
            schedule_deletion_days: _,
            max_in_flight: _,
            requests_per_second: _,
        } = config;
        Err(match support(ProviderName::AwsKms) {
            Err(refusal) => Failure::usage(refusal),
            Ok(()) => Failure::general("aws-kms has no wiring"),
        })
    }

    pub(super) const fn spec(&self) -> ProviderSpec {
        match *self {}
    }
}
