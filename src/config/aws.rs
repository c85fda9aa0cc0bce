//! The settings of AWS KMS. Their forms are judged where the provider is opened.

use std::num::{NonZeroU32, NonZeroUsize};

use super::{Environment, Setting, Source, limits};
use crate::cli::AwsArgs;
use crate::failure::Failure;

/// As many calls as keep 300 a second busy at a latency of 200 ms.
const CALLS_AT_ONCE: &str = "64";
/// AWS grants an account 1,000 signatures a second by elliptic-curve keys, and
/// others may want some of them.
const CALLS_PER_SECOND: &str = "200";

/// How AWS KMS is used.
#[derive(Debug)]
pub(crate) struct AwsConfig {
    pub(crate) region: Option<Setting<String>>,
    pub(crate) endpoint_url: Option<Setting<String>>,
    pub(crate) profile: Option<Setting<String>>,
    pub(crate) alias_prefix: Setting<String>,
    pub(crate) schedule_deletion_days: Option<Setting<String>>,
    pub(crate) max_in_flight: Setting<NonZeroUsize>,
    pub(crate) requests_per_second: Setting<NonZeroU32>,
}

impl AwsConfig {
    /// Resolves the settings, of which each may be missing.
    ///
    /// # Errors
    /// When one is not of its form.
    pub(crate) fn resolve(args: &AwsArgs, environment: &Environment) -> Result<Self, Failure> {
        let pick = |flag, typed: &Option<String>, found: &Option<String>| {
            Setting::pick(flag, typed.as_ref(), found.as_ref())
        };
        let pick_or = |flag, typed: &Option<String>, found: &Option<String>, default| {
            Setting::pick_or(flag, typed.as_ref(), found.as_ref(), default)
        };
        Ok(Self {
            region: pick("--aws-region", &args.region, &environment.aws_region),
            endpoint_url: pick(
                "--aws-endpoint-url",
                &args.endpoint_url,
                &environment.aws_endpoint_url,
            ),
            profile: pick("--aws-profile", &args.profile, &environment.aws_profile),
            alias_prefix: pick_or(
                "--aws-alias-prefix",
                &args.alias_prefix,
                &environment.aws_alias_prefix,
                "plexsphere-signer",
            ),
            schedule_deletion_days: pick(
                "--aws-schedule-deletion-days",
                &args.schedule_deletion_days,
                &environment.aws_schedule_deletion_days,
            ),
            max_in_flight: pick_or(
                "--aws-max-in-flight",
                &args.max_in_flight,
                &environment.aws_max_in_flight,
                CALLS_AT_ONCE,
            )
            .parse(limits::calls_at_once)?,
            requests_per_second: pick_or(
                "--aws-requests-per-second",
                &args.requests_per_second,
                &environment.aws_requests_per_second,
                CALLS_PER_SECOND,
            )
            .parse(limits::calls_per_second)?,
        })
    }

    /// The first of these settings that somebody gave: for a custodian without the provider, which
    /// must not swallow it.
    pub(crate) fn first_given(&self) -> Option<Source> {
        let of = |setting: &Option<Setting<String>>| setting.as_ref().map(|found| found.source);
        let optional = [
            of(&self.region),
            of(&self.endpoint_url),
            of(&self.profile),
            of(&self.schedule_deletion_days),
        ];
        let defaulted = [
            self.alias_prefix.source,
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
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| {
            let name = format!("PLEXSPHERE_SIGNER_AWS_{name}");
            (name.into(), (*value).into())
        });
        Environment::from_variables(variables).unwrap()
    }

    #[test]
    fn nothing_has_to_be_said() {
        let config = AwsConfig::resolve(&AwsArgs::default(), &Environment::default()).unwrap();
        assert_eq!(config.alias_prefix.value, "plexsphere-signer");
        assert_eq!(config.max_in_flight.value.get(), 64);
        assert_eq!(config.requests_per_second.value.get(), 200);
        assert!(config.region.is_none() && config.schedule_deletion_days.is_none());
        assert_eq!(config.first_given(), None);
    }

    #[test]
    fn a_flag_comes_before_its_variable() {
        let environment = environment(&[("REGION", "e"), ("MAX_IN_FLIGHT", "7")]);
        let mut args = AwsArgs::default();
        let config = AwsConfig::resolve(&args, &environment).unwrap();
        assert_eq!(config.region.unwrap().value, "e");
        assert_eq!(config.max_in_flight.value.get(), 7);
        args.region = Some("f".to_owned());
        let config = AwsConfig::resolve(&args, &environment).unwrap();
        assert_eq!(config.first_given(), Some(Source::Flag("--aws-region")));
    }

    #[test]
    fn each_setting_can_be_said_to_be_given() {
        for (name, value) in [
            ("REGION", "x"),
            ("ENDPOINT_URL", "x"),
            ("PROFILE", "x"),
            ("ALIAS_PREFIX", "x"),
            ("SCHEDULE_DELETION_DAYS", "7"),
            ("MAX_IN_FLIGHT", "7"),
            ("REQUESTS_PER_SECOND", "7"),
        ] {
            let environment = environment(&[(name, value)]);
            let config = AwsConfig::resolve(&AwsArgs::default(), &environment).unwrap();
            let Some(Source::Environment(flag)) = config.first_given() else {
                panic!("{name} was swallowed");
            };
            assert_eq!(
                flag,
                format!("--aws-{}", name.to_lowercase().replace('_', "-"))
            );
        }
    }
}
