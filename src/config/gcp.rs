//! The settings of a key ring of Google Cloud KMS. Their forms are judged where the provider is made.

use std::num::{NonZeroU32, NonZeroUsize};

use super::{Environment, Setting, Source, limits};
use crate::cli::GcpArgs;
use crate::failure::Failure;

/// Enough to keep a service that answers in 50 ms busy.
const CALLS_AT_ONCE: &str = "64";
/// Google has published 3,000 signatures a minute as the quota of HSM keys, and counted them by the
/// second: 50.
const CALLS_PER_SECOND: &str = "40";

/// How a key ring is found and used.
#[derive(Debug)]
pub(crate) struct GcpConfig {
    pub(crate) key_ring: Option<Setting<String>>,
    pub(crate) key_prefix: Option<Setting<String>>,
    pub(crate) protection_level: Option<Setting<String>>,
    pub(crate) endpoint_url: Option<Setting<String>>,
    pub(crate) max_in_flight: Setting<NonZeroUsize>,
    pub(crate) requests_per_second: Setting<NonZeroU32>,
}

impl GcpConfig {
    /// Resolves the settings, of which each may be missing.
    ///
    /// # Errors
    /// When one is not of its form.
    pub(crate) fn resolve(args: &GcpArgs, environment: &Environment) -> Result<Self, Failure> {
        let pick = |flag, typed: &Option<String>, found: &Option<String>| {
            Setting::pick(flag, typed.as_ref(), found.as_ref())
        };
        let pick_or = |flag, typed: &Option<String>, found: &Option<String>, default| {
            Setting::pick_or(flag, typed.as_ref(), found.as_ref(), default)
        };
        Ok(Self {
            key_ring: pick("--gcp-key-ring", &args.key_ring, &environment.gcp_key_ring),
            key_prefix: pick(
                "--gcp-key-prefix",
                &args.key_prefix,
                &environment.gcp_key_prefix,
            ),
            protection_level: pick(
                "--gcp-protection-level",
                &args.protection_level,
                &environment.gcp_protection_level,
            ),
            endpoint_url: pick(
                "--gcp-endpoint-url",
                &args.endpoint_url,
                &environment.gcp_endpoint_url,
            ),
            max_in_flight: pick_or(
                "--gcp-max-in-flight",
                &args.max_in_flight,
                &environment.gcp_max_in_flight,
                CALLS_AT_ONCE,
            )
            .parse(limits::calls_at_once)?,
            requests_per_second: pick_or(
                "--gcp-requests-per-second",
                &args.requests_per_second,
                &environment.gcp_requests_per_second,
                CALLS_PER_SECOND,
            )
            .parse(limits::calls_per_second)?,
        })
    }

    /// The first of these settings that somebody gave: for a custodian without the provider, which
    /// must not swallow it.
    pub(crate) fn first_given(&self) -> Option<Source> {
        let optional = [
            &self.key_ring,
            &self.key_prefix,
            &self.protection_level,
            &self.endpoint_url,
        ]
        .map(|setting| setting.as_ref().map(|setting| setting.source));
        let defaulted = [self.max_in_flight.source, self.requests_per_second.source];
        optional
            .into_iter()
            .flatten()
            .chain(defaulted)
            .find(Source::is_given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(args: &GcpArgs, variables: &[(&str, &str)]) -> Result<GcpConfig, Failure> {
        let variables = variables.iter().map(|(name, value)| {
            let name = format!("PLEXSPHERE_SIGNER_GCP_{name}");
            (name.into(), (*value).into())
        });
        GcpConfig::resolve(args, &Environment::from_variables(variables).unwrap())
    }

    #[test]
    fn limits_have_defaults_and_the_place_of_keys_has_none() {
        let config = resolve(&GcpArgs::default(), &[]).unwrap();
        assert!(config.key_ring.is_none() && config.protection_level.is_none());
        assert_eq!(config.max_in_flight.value.get(), 64);
        assert_eq!(config.requests_per_second.value.get(), 40);
        assert_eq!(config.first_given(), None);
    }

    #[test]
    fn every_setting_is_found_in_the_environment_and_the_flag_wins() {
        let args = GcpArgs {
            key_ring: Some("of-flag".to_owned()),
            ..GcpArgs::default()
        };
        let variables = [
            ("KEY_RING", "of-environment"),
            ("KEY_PREFIX", "p"),
            ("PROTECTION_LEVEL", "software"),
            ("ENDPOINT_URL", "https://e"),
            ("MAX_IN_FLIGHT", "7"),
            ("REQUESTS_PER_SECOND", "8"),
        ];
        let config = resolve(&args, &variables).unwrap();
        assert_eq!(config.first_given(), Some(Source::Flag("--gcp-key-ring")));
        assert_eq!(config.key_ring.unwrap().value, "of-flag");
        assert_eq!(config.key_prefix.unwrap().value, "p");
        assert_eq!(config.protection_level.unwrap().value, "software");
        assert_eq!(config.endpoint_url.unwrap().value, "https://e");
        assert_eq!(config.max_in_flight.value.get(), 7);
        assert_eq!(config.requests_per_second.value.get(), 8);
        for variable in variables {
            let config = resolve(&GcpArgs::default(), &[variable]);
            assert!(config.unwrap().first_given().is_some(), "{variable:?}");
        }
    }

    #[test]
    fn limits_that_allow_nothing_are_refused() {
        let refusal = resolve(&GcpArgs::default(), &[("MAX_IN_FLIGHT", "0")]).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "--gcp-max-in-flight \"0\": must be a number from 1 to 1024 (set by \
             PLEXSPHERE_SIGNER_GCP_MAX_IN_FLIGHT)"
        );
        resolve(&GcpArgs::default(), &[("REQUESTS_PER_SECOND", "0")]).unwrap_err();
    }
}
