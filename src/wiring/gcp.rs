//! The provider of Google Cloud KMS, from the configuration.

use std::sync::Arc;

use signer_actors::ProviderSpec;
use signer_adapters::providers::cloud::CloudLimits;
use signer_adapters::providers::gcp_kms::{GcpEndpoint, GcpKeyPrefix, GcpKmsProvider, GcpSettings};
use signer_domain::ProviderName;
use signer_domain::ports::KeyProvider;

use super::providers::built_anew;
use crate::config::{GcpConfig, Setting};
use crate::failure::Failure;

/// Makes the provider ready to be opened. Reaches out for nothing: a service that is not there may
/// come yet.
///
/// # Errors
/// When a setting is missing or not of its form.
pub(super) fn spec(config: &GcpConfig) -> Result<ProviderSpec, Failure> {
    let settings = settings(config)?;
    Ok(built_anew(ProviderName::GcpKms, move || {
        let provider: Arc<dyn KeyProvider> = Arc::new(GcpKmsProvider::new(settings.clone()));
        Box::pin(async move { Ok(provider) })
    }))
}

fn settings(config: &GcpConfig) -> Result<GcpSettings, Failure> {
    let Some(key_ring) = &config.key_ring else {
        return Err(Failure::usage(
            "--gcp-key-ring is required with --key-provider gcp-kms; name a key ring, as in \
             projects/PROJECT/locations/LOCATION/keyRings/RING",
        ));
    };
    let Some(protection_level) = &config.protection_level else {
        return Err(Failure::usage(
            "--gcp-protection-level is required with --key-provider gcp-kms; name where new keys live: \
             software, or hsm where Google offers Ed25519 there",
        ));
    };
    Ok(GcpSettings {
        key_ring: read(key_ring)?,
        key_prefix: match &config.key_prefix {
            Some(prefix) => read(prefix)?,
            None => GcpKeyPrefix::default(),
        },
        protection_level: read(protection_level)?,
        endpoint: match &config.endpoint_url {
            Some(url) => read(url)?,
            None => GcpEndpoint::of_google(),
        },
        limits: CloudLimits {
            max_in_flight: config.max_in_flight.value,
            per_second: config.requests_per_second.value,
        },
    })
}

fn read<T>(setting: &Setting<String>) -> Result<T, Failure>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let Setting { value, source } = setting;
    value.parse().map_err(|must| source.refuse(value, must))
}
