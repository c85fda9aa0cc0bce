//! Makes a configuration of flags and environment, or says what stands in the way.

use std::path::PathBuf;
use std::str::FromStr as _;

use signer_domain::{DeploymentProfile, KnownProviders, ProviderName};
use signer_module::Settings;

use super::providers::settings_of_development;
use super::{
    AuditLog, Config, DEFAULT_SOCKET, Environment, Installation, Said, Setting, Source,
    Verification, limits, variable,
};
use crate::catalogue::{Catalogue, SOFTWARE, known};
use crate::cli::ServeArgs;
use crate::dev;
use crate::failure::Failure;
use crate::telemetry::{LogFormat, LogLevel, LogSettings};

/// The flag that the development set-up gives by itself.
const SEED_FILE: &str = "--software-seed-file";

/// Picks the text of a setting: flag, else environment, else the default where there is one.
macro_rules! pick {
    ($flag:literal, $field:ident of $args:ident, $environment:ident) => {
        Setting::pick($flag, $args.$field.as_ref(), $environment.$field.as_ref())
    };
    ($flag:literal, $field:ident of $args:ident, $environment:ident, else $default:expr) => {
        pick!($flag, $field of $args, $environment).unwrap_or_else(|| Setting {
            value: String::from($default),
            source: Source::Default($flag),
        })
    };
}

/// Resolves every setting. Creates nothing.
///
/// # Errors
/// When a value is missing, is not of its form, names a place that is not there, or contradicts
/// another.
pub(crate) fn resolve(
    args: &ServeArgs,
    said: Said<'_>,
    default_format: LogFormat,
    providers: &Catalogue,
) -> Result<Config, Failure> {
    let environment = said.environment;
    let log = log_settings(args, environment, default_format)?;
    let health_listen = pick!("--health-listen", health_listen of args, environment)
        .map(|text| text.parse(limits::listen_address))
        .transpose()?
        .and_then(Setting::given);
    let request_deadline =
        pick!("--request-deadline", request_deadline of args, environment, else "10s")
            .parse(limits::deadline)?;
    let overlap_window = pick!("--overlap-window", overlap_window of args, environment, else "24h")
        .parse(limits::overlap_window)?;
    let max_in_flight = pick!("--max-in-flight", max_in_flight of args, environment, else "1024")
        .parse(limits::max_in_flight)?;
    let memory_budget = pick!("--memory-budget", memory_budget of args, environment)
        .map(|text| text.parse(limits::memory_budget))
        .transpose()?;
    let drain_timeout = pick!("--drain-timeout", drain_timeout of args, environment, else "20s")
        .parse(limits::drain_timeout)?;
    let known = known(providers);
    let custody = if args.dev {
        CustodyPart::of_development(said, providers)?
    } else {
        CustodyPart::configured(args, environment, &known)?
    };
    let settings = match custody.installation {
        Installation::Configured => said.settings_of(providers, &custody.providers.value)?,
        Installation::Development => settings_of_development(SEED_FILE, dev::seed_file())?,
    };
    let verification = verification(args, &custody.providers.value)?;
    Ok(Config {
        installation: custody.installation,
        providers: custody.providers,
        settings,
        known,
        socket: custody.socket,
        socket_mode: custody.socket_mode,
        health_listen,
        registry: custody.registry,
        audit_log: custody.audit_log,
        deployment_profile: custody.deployment_profile,
        overlap_window: overlap_window.value,
        verification,
        request_deadline: request_deadline.value,
        max_in_flight: max_in_flight.value,
        memory_budget: memory_budget.map(|budget| budget.value),
        drain_timeout: drain_timeout.value,
        log,
    })
}

/// The settings that the development set-up brings along, and everybody else configures.
struct CustodyPart {
    installation: Installation,
    providers: Setting<Vec<ProviderName>>,
    socket: Setting<PathBuf>,
    socket_mode: u32,
    registry: Setting<String>,
    audit_log: Setting<AuditLog>,
    deployment_profile: DeploymentProfile,
}

impl CustodyPart {
    /// `PLEXSPHERE_SIGNER_SOCKET` alone is passed over: it also tells clients whom to ask, so it may
    /// be there without anybody thinking of this custodian.
    fn of_development(said: Said<'_>, providers: &Catalogue) -> Result<Self, Failure> {
        let environment = said.environment;
        for (flag, found) in [
            ("--key-provider", &environment.key_provider),
            ("--socket-mode", &environment.socket_mode),
            ("--registry", &environment.registry),
            ("--audit-log", &environment.audit_log),
            ("--deployment-profile", &environment.deployment_profile),
        ] {
            if found.is_some() {
                return Err(not_with_dev(flag));
            }
        }
        let development = [SOFTWARE.name];
        let given = said.settings_of(providers, &development)?;
        if let Some(source) = given.iter().find_map(Settings::first_given) {
            return Err(not_with_dev(source.flag()));
        }
        Ok(Self {
            installation: Installation::Development,
            providers: given_by_dev(development.to_vec()),
            socket: given_by_dev(dev::socket()),
            socket_mode: 0o600,
            registry: given_by_dev(dev::registry_url()),
            audit_log: given_by_dev(AuditLog::BesideRegistry),
            deployment_profile: DeploymentProfile::SelfhostedSingle,
        })
    }

    fn configured(
        args: &ServeArgs,
        environment: &Environment,
        known: &KnownProviders,
    ) -> Result<Self, Failure> {
        let providers = providers(args, environment, known)?;
        let deployment_profile = pick!(
            "--deployment-profile", deployment_profile of args, environment,
            else DeploymentProfile::SelfhostedSingle.as_str()
        )
        .parse(DeploymentProfile::from_str)?;
        let socket_mode = pick!("--socket-mode", socket_mode of args, environment, else "0600")
            .parse(limits::socket_mode)?;
        let socket = pick!("--socket", socket of args, environment, else DEFAULT_SOCKET)
            .parse(limits::path)?;
        let registry = pick!(
            "--registry", registry of args, environment,
            else "sqlite:/var/lib/plexsphere-signer/registry.db"
        );
        let audit_log = audit_log(args, environment)?;
        Ok(Self {
            installation: Installation::Configured,
            providers,
            socket,
            socket_mode: socket_mode.value,
            registry,
            audit_log,
            deployment_profile: deployment_profile.value,
        })
    }
}

const fn given_by_dev<T>(value: T) -> Setting<T> {
    Setting {
        value,
        source: Source::Flag("--dev"),
    }
}

fn not_with_dev(flag: &str) -> Failure {
    let variable = variable(flag);
    Failure::usage(format_args!(
        "{variable} cannot be used with --dev, which brings its own set-up: unset it, or leave --dev out"
    ))
}

fn audit_log(args: &ServeArgs, environment: &Environment) -> Result<Setting<AuditLog>, Failure> {
    match pick!("--audit-log", audit_log of args, environment) {
        Some(text) => Ok(text.parse(limits::audit_log)?),
        None => Ok(Setting {
            value: AuditLog::BesideRegistry,
            source: Source::Default("--audit-log"),
        }),
    }
}

fn providers(
    args: &ServeArgs,
    environment: &Environment,
    known: &KnownProviders,
) -> Result<Setting<Vec<ProviderName>>, Failure> {
    const FLAG: &str = "--key-provider";
    if !args.key_provider.is_empty() {
        let text = Setting {
            value: args.key_provider.join(","),
            source: Source::Flag(FLAG),
        };
        return Ok(text.parse(|_joined| limits::repeated_providers(&args.key_provider, known))?);
    }
    match Setting::pick(FLAG, None, environment.key_provider.as_ref()) {
        Some(text) => Ok(text.parse(|list| limits::listed_providers(list, known))?),
        None => Err(Failure::usage(
            "--key-provider is required; name the provider that holds the keys, as in \
             --key-provider pkcs11, or try things out with --dev",
        )),
    }
}

fn verification(args: &ServeArgs, providers: &[ProviderName]) -> Result<Verification, Failure> {
    if !args.no_verify_after_sign {
        return Ok(Verification::BeforeRelease);
    }
    if providers == [SOFTWARE.name] {
        return Ok(Verification::Off);
    }
    Err(Failure::usage(
        "--no-verify-after-sign is for the software provider alone; leave it out, or configure no \
         other provider",
    ))
}

fn log_settings(
    args: &ServeArgs,
    environment: &Environment,
    default_format: LogFormat,
) -> Result<LogSettings, Failure> {
    let format = pick!(
        "--log-format", log_format of args, environment, else default_format.as_str()
    )
    .parse(LogFormat::parse)?;
    let level = pick!("--log-level", log_level of args, environment, else LogLevel::Info.as_str())
        .parse(LogLevel::parse)?;
    Ok(LogSettings {
        format: format.value,
        level: level.value,
    })
}

/// The registry that a flag or the environment names, for a command that can do without one.
pub(crate) fn named_registry(
    typed: Option<&String>,
    environment: &Environment,
) -> Option<Setting<String>> {
    Setting::pick("--registry", typed, environment.registry.as_ref())
}
