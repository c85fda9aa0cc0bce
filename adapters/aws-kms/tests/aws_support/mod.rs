//! Providers that call a server of this machine.

use std::num::{NonZeroU32, NonZeroUsize};

use aws_credential_types::Credentials;
use signer_aws_kms::{AwsKmsMemory, AwsKmsProvider, AwsKmsSettings};
use signer_cloud::CloudLimits;

/// A throw-away secret. Nothing that a provider shows may hold it.
pub(crate) const SECRET: &str = "throw-away-secret-that-must-not-show";

/// How a provider calls the server at `endpoint`.
pub(crate) fn settings(endpoint: &str, region: &str, prefix: &str) -> AwsKmsSettings {
    AwsKmsSettings {
        region: region.parse().unwrap(),
        endpoint: Some(endpoint.parse().unwrap()),
        profile: None,
        alias_prefix: prefix.parse().unwrap(),
        deletion: None,
        // More than any test asks for.
        limits: CloudLimits {
            max_in_flight: NonZeroUsize::new(256).unwrap(),
            per_second: NonZeroU32::new(10_000).unwrap(),
        },
    }
}

/// A provider as another process opens it: it remembers nothing.
pub(crate) async fn open(settings: &AwsKmsSettings) -> AwsKmsProvider {
    open_with(settings, AwsKmsMemory::new()).await
}

/// A provider as the same process opens it again.
pub(crate) async fn open_with(settings: &AwsKmsSettings, memory: AwsKmsMemory) -> AwsKmsProvider {
    let credentials = Credentials::new("AKIDTHROWAWAY", SECRET, None, None, "given");
    AwsKmsProvider::connect_as(settings.clone(), memory, credentials).await
}
