//! The settings of a key vault of Azure. Their forms are judged where the provider is made.

use std::num::{NonZeroU32, NonZeroUsize};

use super::{Environment, Setting, Source, limits};
use crate::cli::AzureArgs;
use crate::failure::Failure;

/// Enough to keep a vault that answers in 50 ms busy.
const CALLS_AT_ONCE: &str = "64";
/// A vault takes 500 calls for RSA-HSM keys of 3072 bits in ten seconds.
const CALLS_PER_SECOND: &str = "40";

/// How a vault is found and used.
#[derive(Debug)]
pub(crate) struct AzureConfig {
    pub(crate) vault_url: Option<Setting<String>>,
    pub(crate) kv_mode: Option<Setting<String>>,
    pub(crate) wrapping_key_type: Setting<String>,
    pub(crate) wrapping_key_size: Setting<String>,
    pub(crate) token_resource: Option<Setting<String>>,
    pub(crate) max_in_flight: Setting<NonZeroUsize>,
    pub(crate) requests_per_second: Setting<NonZeroU32>,
}

impl AzureConfig {
    /// Resolves the settings, of which each may be missing.
    ///
    /// # Errors
    /// When one is not of its form.
    pub(crate) fn resolve(args: &AzureArgs, environment: &Environment) -> Result<Self, Failure> {
        let pick = |flag, typed: &Option<String>, found: &Option<String>| {
            Setting::pick(flag, typed.as_ref(), found.as_ref())
        };
        let pick_or = |flag, typed: &Option<String>, found: &Option<String>, default| {
            Setting::pick_or(flag, typed.as_ref(), found.as_ref(), default)
        };
        Ok(Self {
            vault_url: pick(
                "--azure-vault-url",
                &args.vault_url,
                &environment.azure_vault_url,
            ),
            kv_mode: pick("--azure-kv-mode", &args.kv_mode, &environment.azure_kv_mode),
            wrapping_key_type: pick_or(
                "--azure-wrapping-key-type",
                &args.wrapping_key_type,
                &environment.azure_wrapping_key_type,
                "rsa-hsm",
            ),
            wrapping_key_size: pick_or(
                "--azure-wrapping-key-size",
                &args.wrapping_key_size,
                &environment.azure_wrapping_key_size,
                "3072",
            ),
            token_resource: pick(
                "--azure-token-resource",
                &args.token_resource,
                &environment.azure_token_resource,
            ),
            max_in_flight: pick_or(
                "--azure-max-in-flight",
                &args.max_in_flight,
                &environment.azure_max_in_flight,
                CALLS_AT_ONCE,
            )
            .parse(limits::calls_at_once)?,
            requests_per_second: pick_or(
                "--azure-requests-per-second",
                &args.requests_per_second,
                &environment.azure_requests_per_second,
                CALLS_PER_SECOND,
            )
            .parse(limits::calls_per_second)?,
        })
    }

    /// The first of these settings that somebody gave: for a custodian without the provider, which
    /// must not swallow it.
    pub(crate) fn first_given(&self) -> Option<Source> {
        let optional = [&self.vault_url, &self.kv_mode, &self.token_resource]
            .map(|setting| setting.as_ref().map(|setting| setting.source));
        let defaulted = [
            self.wrapping_key_type.source,
            self.wrapping_key_size.source,
            self.max_in_flight.source,
            self.requests_per_second.source,
        ];
        optional
            .into_iter()
            .flatten()
            .chain(defaulted)
            .find(Source::is_given)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command, explain};
    use crate::config::resolve as resolve_all;
    use crate::telemetry::LogFormat;

    fn resolve(args: &AzureArgs, variables: &[(&str, &str)]) -> Result<AzureConfig, Failure> {
        let variables = variables.iter().map(|(name, value)| {
            let name = format!("PLEXSPHERE_SIGNER_AZURE_{name}");
            (name.into(), (*value).into())
        });
        AzureConfig::resolve(args, &Environment::from_variables(variables).unwrap())
    }

    #[test]
    fn there_is_no_default_vault_and_no_default_mode() {
        let config = resolve(&AzureArgs::default(), &[]).unwrap();
        assert_eq!(config.vault_url, None);
        assert_eq!(config.kv_mode, None);
        assert_eq!(config.wrapping_key_type.value, "rsa-hsm");
        assert_eq!(config.wrapping_key_size.value, "3072");
        assert_eq!(config.max_in_flight.value.get(), 64);
        assert_eq!(config.requests_per_second.value.get(), 40);
        assert_eq!(config.first_given(), None);
    }

    #[test]
    fn each_setting_has_its_variable_and_is_told_when_it_was_given() {
        for (name, value) in [
            ("VAULT_URL", "https://v"),
            ("KV_MODE", "envelope"),
            ("WRAPPING_KEY_TYPE", "rsa"),
            ("WRAPPING_KEY_SIZE", "2048"),
            ("TOKEN_RESOURCE", "https://r"),
            ("MAX_IN_FLIGHT", "7"),
            ("REQUESTS_PER_SECOND", "7"),
        ] {
            let config = resolve(&AzureArgs::default(), &[(name, value)]).unwrap();
            let flag = format!("--azure-{}", name.to_lowercase().replace('_', "-"));
            let given = config.first_given().unwrap();
            assert_eq!(given.flag(), flag);
            assert!(matches!(given, Source::Environment(_)), "{name}");
        }
    }

    #[test]
    fn a_flag_wins_and_a_limit_is_a_number() {
        let args = AzureArgs {
            kv_mode: Some("native".to_owned()),
            ..AzureArgs::default()
        };
        let config = resolve(&args, &[("KV_MODE", "envelope")]).unwrap();
        let mode = config.kv_mode.unwrap();
        assert_eq!(
            (mode.value.as_str(), mode.source.flag()),
            ("native", "--azure-kv-mode")
        );
        for name in ["MAX_IN_FLIGHT", "REQUESTS_PER_SECOND"] {
            let refusal = resolve(&AzureArgs::default(), &[(name, "0")]).unwrap_err();
            assert!(
                refusal.to_string().contains("must be a number from 1"),
                "{refusal}"
            );
        }
    }

    /// What `serve` makes of these flags.
    fn serve(flags: &[&str]) -> Result<(), String> {
        let line = ["x", "serve"].iter().chain(flags);
        let parsed = Cli::try_parse_from(line).map_err(|shown| explain(&shown))?;
        let Command::Serve(args) = parsed.command else {
            panic!("not serve");
        };
        let resolved = resolve_all(&args, &Environment::default(), LogFormat::Json);
        resolved.map(drop).map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_setting_of_a_vault_is_for_its_provider_alone() {
        let others = ["--key-provider", "pkcs11", "--azure-kv-mode", "envelope"];
        assert_eq!(
            serve(&others).unwrap_err(),
            "--azure-kv-mode is for the azure-kv provider, which is not configured; leave it out, or \
             add --key-provider azure-kv"
        );
        serve(&["--key-provider", "azure-kv", "--azure-kv-mode", "envelope"]).unwrap();
        let with_dev = serve(&["--dev", "--azure-vault-url", "https://v"]).unwrap_err();
        assert!(with_dev.contains("cannot be used with"), "{with_dev}");
    }
}
