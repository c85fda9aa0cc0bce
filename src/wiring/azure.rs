//! The provider of Azure Key Vault, from the configuration.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use signer_actors::ProviderSpec;
use signer_adapters::providers::azure_kv::{
    AzureCredentials, AzureKvMode, AzureKvProvider, AzureKvSettings, WrappingKey,
};
use signer_adapters::providers::cloud::CloudLimits;
use signer_domain::ports::{KeyProvider, KeyProviderError};
use signer_domain::{Deadline, ProviderName};

use super::providers::built_anew;
use crate::config::{AzureConfig, Setting};
use crate::failure::Failure;

/// How long the start waits for a vault to say whether it offers Ed25519. One that is slower may still
/// come.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// Tells what can only be wrong for good: a setting, credentials that are there by half, and a vault
/// that has no Ed25519 where it is to have it. A vault that is not there may come yet.
///
/// # Errors
/// With the sentence that names the cure.
pub(super) async fn check(config: &AzureConfig) -> Result<(), Failure> {
    let settings = settings(config)?;
    let provider = AzureKvProvider::open(&settings).map_err(|error| {
        let cause = sentences(&error);
        Failure::usage(format_args!("--key-provider azure-kv: {cause}"))
    })?;
    match settings.mode {
        AzureKvMode::Envelope => Ok(()),
        AzureKvMode::Native => {
            let answer = provider.check(Deadline::after(START_PATIENCE)).await;
            let refusal = answer
                .err()
                .filter(AzureKvProvider::tells_that_native_is_not_offered);
            refusal.map_or(Ok(()), |refusal| Err(not_offered(config, &refusal)))
        }
    }
}

/// Makes the provider ready to be opened, and says in the log what its mode means. Reaches out for
/// nothing.
///
/// # Errors
/// When a setting is missing or not of its form.
pub(super) fn spec(config: &AzureConfig) -> Result<ProviderSpec, Failure> {
    let settings = settings(config)?;
    tracing::info!(
        credentials = settings.credentials.name(),
        "way to sign in to the vault"
    );
    if settings.mode == AzureKvMode::Envelope {
        tracing::warn!(
            provider = %ProviderName::AzureKv,
            "key material in process memory while signing: the vault encrypts keys and does not sign"
        );
    }
    Ok(built_anew(ProviderName::AzureKv, move || {
        let opened = AzureKvProvider::open(&settings);
        Box::pin(async move {
            let provider: Arc<dyn KeyProvider> = Arc::new(opened?);
            Ok(provider)
        })
    }))
}

fn settings(config: &AzureConfig) -> Result<AzureKvSettings, Failure> {
    let Some(vault) = &config.vault_url else {
        return Err(Failure::usage(
            "--azure-vault-url is required with --key-provider azure-kv; name the vault, as in \
             https://NAME.vault.azure.net",
        ));
    };
    let Some(mode) = &config.kv_mode else {
        return Err(Failure::usage(
            "--azure-kv-mode is required with --key-provider azure-kv; choose native, where the \
             vault itself signs, which no vault offers for Ed25519 today, or envelope, where a vault \
             key encrypts each signing key and this process has it in memory while it signs",
        ));
    };
    let credentials = AzureCredentials::from_environment()
        .map_err(|refusal| Failure::usage(format_args!("--key-provider azure-kv: {refusal}")))?;
    Ok(AzureKvSettings {
        vault: read(vault)?,
        mode: read(mode)?,
        wrapping_key: WrappingKey {
            home: read(&config.wrapping_key_type)?,
            size: read(&config.wrapping_key_size)?,
        },
        token_resource: config.token_resource.as_ref().map(read).transpose()?,
        credentials,
        limits: CloudLimits {
            max_in_flight: config.max_in_flight.value,
            per_second: config.requests_per_second.value,
        },
    })
}

fn read<T>(setting: &Setting<String>) -> Result<T, Failure>
where
    T: FromStr<Err: Display>,
{
    let Setting { value, source } = setting;
    value.parse().map_err(|must| source.refuse(value, must))
}

fn not_offered(config: &AzureConfig, refusal: &KeyProviderError) -> Failure {
    let sentence = format!(
        "--azure-kv-mode native: the vault offers no Ed25519 keys ({}); use --azure-kv-mode envelope, \
         where a vault key encrypts each signing key and this process has it in memory while it signs",
        sentences(refusal)
    );
    match &config.kv_mode {
        Some(mode) => mode.source.explain(sentence),
        None => Failure::usage(sentence),
    }
}

/// What the vault or its library said, for the operator.
fn sentences(error: &KeyProviderError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}
