//! From the settings of AWS KMS to a provider.

use std::str::FromStr;
use std::sync::Arc;

use signer_actors::ProviderSpec;
use signer_adapters::providers::aws_kms::{AwsKmsMemory, AwsKmsProvider, AwsKmsSettings, Region};
use signer_adapters::providers::cloud::CloudLimits;
use signer_domain::ProviderName;
use signer_domain::ports::KeyProvider;

use super::providers::{Opening, built_anew};
use crate::config::{AwsConfig, Setting};
use crate::failure::Failure;

/// AWS KMS as it was configured, before anything is called.
#[derive(Debug)]
pub(crate) struct AwsKms {
    settings: AwsKmsSettings,
    memory: AwsKmsMemory,
}

impl AwsKms {
    /// Judges the settings, and finds out the region.
    ///
    /// # Errors
    /// When one is not of its form, or nobody names a region.
    pub(super) async fn prepare(config: &AwsConfig) -> Result<Self, Failure> {
        let profile = config.profile.as_ref().map(profile).transpose()?;
        let settings = AwsKmsSettings {
            region: region(config.region.as_ref(), profile.as_deref()).await?,
            endpoint: config.endpoint_url.as_ref().map(read).transpose()?,
            profile,
            alias_prefix: read(&config.alias_prefix)?,
            deletion: config
                .schedule_deletion_days
                .as_ref()
                .map(read)
                .transpose()?,
            limits: CloudLimits {
                max_in_flight: config.max_in_flight.value,
                per_second: config.requests_per_second.value,
            },
        };
        Ok(Self {
            settings,
            memory: AwsKmsMemory::new(),
        })
    }

    /// The provider, ready to be opened by its actor. Each has connections of its own, because they
    /// live on the thread of the actor; what must not be forgotten is shared.
    pub(super) fn spec(&self) -> ProviderSpec {
        let (settings, memory) = (self.settings.clone(), self.memory.clone());
        let open = move || -> Opening {
            let (settings, memory) = (settings.clone(), memory.clone());
            Box::pin(async move {
                let provider: Arc<dyn KeyProvider> =
                    Arc::new(AwsKmsProvider::connect(settings, memory).await);
                Ok(provider)
            })
        };
        built_anew(ProviderName::AwsKms, open)
    }
}

fn read<T>(setting: &Setting<String>) -> Result<T, Failure>
where
    T: FromStr<Err: std::fmt::Display>,
{
    let Setting { value, source } = setting;
    value.parse().map_err(|must| source.refuse(value, must))
}

fn profile(setting: &Setting<String>) -> Result<String, Failure> {
    let Setting { value, source } = setting;
    if value.is_empty() {
        return Err(source.refuse(value, "must be the name of a profile"));
    }
    Ok(value.clone())
}

async fn region(
    configured: Option<&Setting<String>>,
    profile: Option<&str>,
) -> Result<Region, Failure> {
    if let Some(setting) = configured {
        return read(setting);
    }
    let Some(found) = AwsKmsProvider::default_region(profile).await else {
        return Err(Failure::usage(
            "--aws-region is required with --key-provider aws-kms where neither \
             PLEXSPHERE_SIGNER_AWS_REGION, AWS_REGION nor an AWS profile names a region; name the \
             region that holds the keys, as in --aws-region eu-central-1",
        ));
    };
    found.parse().map_err(|must| {
        Failure::usage(format_args!(
            "AWS_REGION or the AWS profile names the region {found:?}: {must}"
        ))
    })
}
