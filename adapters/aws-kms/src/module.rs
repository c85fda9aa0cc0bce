//! From the settings to a provider in a region.

use std::sync::Arc;

use async_trait::async_trait;
use signer_cloud::{CloudLimits, install_tls};
use signer_domain::ports::{KeyProvider, KeyProviderError};
use signer_module::{BoxFuture, Face, Prepared, ProviderModule, Refusal, Settings};

use crate::face::{
    ALIAS_PREFIX, ENDPOINT_URL, FACE, MAX_IN_FLIGHT, PROFILE, REGION, REQUESTS_PER_SECOND,
    SCHEDULE_DELETION_DAYS,
};
use crate::sdk::{AwsKmsMemory, AwsKmsProvider, AwsKmsSettings, Region};

/// The provider as a module.
pub const MODULE: &dyn ProviderModule = &Module;

/// The provider of AWS KMS.
#[derive(Debug)]
struct Module;

#[async_trait]
impl ProviderModule for Module {
    fn face(&self) -> &'static Face {
        &FACE
    }

    async fn prepare(&self, settings: &Settings) -> Result<Arc<dyn Prepared>, Refusal> {
        install_tls();
        let profile = profile(settings)?;
        Ok(Arc::new(Account {
            settings: AwsKmsSettings {
                region: region(settings, profile.as_deref()).await?,
                endpoint: settings.optional(&ENDPOINT_URL)?,
                profile,
                alias_prefix: settings.required(&ALIAS_PREFIX)?,
                deletion: settings.optional(&SCHEDULE_DELETION_DAYS)?,
                limits: CloudLimits::read(settings, &MAX_IN_FLIGHT, &REQUESTS_PER_SECOND)?,
            },
            memory: AwsKmsMemory::new(),
        }))
    }
}

/// A region of an account, before anything is called.
#[derive(Debug)]
struct Account {
    settings: AwsKmsSettings,
    memory: AwsKmsMemory,
}

#[async_trait]
impl Prepared for Account {
    /// Each provider has connections of its own, because they live on the thread of its actor; what must
    /// not be forgotten is shared.
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn KeyProvider>, KeyProviderError>> {
        let (settings, memory) = (self.settings.clone(), self.memory.clone());
        Box::pin(async move {
            let provider: Arc<dyn KeyProvider> =
                Arc::new(AwsKmsProvider::connect(settings, memory).await);
            Ok(provider)
        })
    }
}

fn profile(settings: &Settings) -> Result<Option<String>, Refusal> {
    match settings.text(&PROFILE) {
        Some(setting) if setting.value.is_empty() => Err(setting
            .source
            .refuse(&setting.value, "must be the name of a profile")),
        setting => Ok(setting.map(|setting| setting.value.clone())),
    }
}

async fn region(settings: &Settings, profile: Option<&str>) -> Result<Region, Refusal> {
    if let Some(configured) = settings.optional(&REGION)? {
        return Ok(configured);
    }
    let Some(found) = AwsKmsProvider::default_region(profile).await else {
        return Err(Refusal::usage(
            "--aws-region is required with --key-provider aws-kms where neither \
             PLEXSPHERE_SIGNER_AWS_REGION, AWS_REGION nor an AWS profile names a region; name the \
             region that holds the keys, as in --aws-region eu-central-1",
        ));
    };
    found.parse().map_err(|must| {
        Refusal::usage(format_args!(
            "AWS_REGION or the AWS profile names the region {found:?}: {must}"
        ))
    })
}
