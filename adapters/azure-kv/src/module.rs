//! From the settings to a provider on a vault.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use signer_cloud::{CloudLimits, install_tls};
use signer_domain::Deadline;
use signer_domain::ports::{KeyProvider, KeyProviderError};
use signer_module::{BoxFuture, Face, Prepared, ProviderModule, Refusal, Settings, Source};

use crate::face::{
    FACE, KV_MODE, MAX_IN_FLIGHT, REQUESTS_PER_SECOND, TOKEN_RESOURCE, VAULT_URL,
    WRAPPING_KEY_SIZE, WRAPPING_KEY_TYPE,
};
use crate::sdk::{AzureCredentials, AzureKvMode, AzureKvProvider, AzureKvSettings, WrappingKey};

/// How long the start waits for a vault to say whether it offers Ed25519. One that is slower may still
/// come.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// The provider as a module.
pub const MODULE: &dyn ProviderModule = &Module;

/// The provider of Azure Key Vault.
#[derive(Debug)]
struct Module;

#[async_trait]
impl ProviderModule for Module {
    fn face(&self) -> &'static Face {
        &FACE
    }

    async fn prepare(&self, settings: &Settings) -> Result<Arc<dyn Prepared>, Refusal> {
        install_tls();
        let credentials = AzureCredentials::from_environment().map_err(|refusal| {
            Refusal::usage(format_args!("--key-provider azure-kv: {refusal}"))
        })?;
        let mode = settings.text(&KV_MODE).map(|setting| setting.source);
        let settings = AzureKvSettings {
            vault: settings.required(&VAULT_URL)?,
            mode: settings.required(&KV_MODE)?,
            wrapping_key: WrappingKey {
                home: settings.required(&WRAPPING_KEY_TYPE)?,
                size: settings.required(&WRAPPING_KEY_SIZE)?,
            },
            token_resource: settings.optional(&TOKEN_RESOURCE)?,
            credentials,
            limits: CloudLimits::read(settings, &MAX_IN_FLIGHT, &REQUESTS_PER_SECOND)?,
        };
        // Tells a setting that is wrong together with another.
        AzureKvProvider::open(&settings).map_err(|error| {
            let cause = sentences(&error);
            Refusal::usage(format_args!("--key-provider azure-kv: {cause}"))
        })?;
        Ok(Arc::new(Vault { settings, mode }))
    }
}

/// A vault, before anything is called.
#[derive(Debug)]
struct Vault {
    settings: AzureKvSettings,
    /// Who chose the mode.
    mode: Option<Source>,
}

#[async_trait]
impl Prepared for Vault {
    /// Tells a vault that has no Ed25519 where it is to have it. One that is not there may come yet.
    async fn meet(&self) -> Result<(), Refusal> {
        if self.settings.mode == AzureKvMode::Envelope {
            return Ok(());
        }
        let Ok(provider) = AzureKvProvider::open(&self.settings) else {
            return Ok(());
        };
        let answer = provider.check(Deadline::after(START_PATIENCE)).await;
        let refusal = answer
            .err()
            .filter(AzureKvProvider::tells_that_native_is_not_offered);
        refusal.map_or(Ok(()), |refusal| Err(self.not_offered(&refusal)))
    }

    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn KeyProvider>, KeyProviderError>> {
        let opened = AzureKvProvider::open(&self.settings);
        Box::pin(async move {
            let provider: Arc<dyn KeyProvider> = Arc::new(opened?);
            Ok(provider)
        })
    }

    fn announce(&self) {
        tracing::info!(
            credentials = self.settings.credentials.name(),
            "way to sign in to the vault"
        );
        if self.settings.mode == AzureKvMode::Envelope {
            tracing::warn!(
                provider = %FACE.name,
                "key material in process memory while signing: the vault encrypts keys and does not sign"
            );
        }
    }
}

impl Vault {
    fn not_offered(&self, refusal: &KeyProviderError) -> Refusal {
        let sentence = format!(
            "--azure-kv-mode native: the vault offers no Ed25519 keys ({}); use --azure-kv-mode \
             envelope, where a vault key encrypts each signing key and this process has it in memory \
             while it signs",
            sentences(refusal)
        );
        match self.mode {
            Some(source) => source.explain(sentence),
            None => Refusal::usage(sentence),
        }
    }
}

/// What the vault or its library said, for the operator.
fn sentences(error: &KeyProviderError) -> String {
    match error.source() {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}
