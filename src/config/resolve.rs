//! Makes a configuration of flags and environment, or says what stands in the way.

use std::path::PathBuf;
use std::str::FromStr as _;

use signer_domain::{DeploymentProfile, ProviderName};

use super::{
    AuditLog, AwsConfig, AzureConfig, Config, DEFAULT_SOCKET, Environment, GcpConfig, Installation,
    Pkcs11Config, Setting, Source, Verification, limits, variable,
};
use crate::cli::ServeArgs;
use crate::dev;
use crate::failure::Failure;
use crate::telemetry::{LogFormat, LogLevel, LogSettings};

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
    environment: &Environment,
    default_format: LogFormat,
) -> Result<Config, Failure> {
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
    let custody = if args.dev {
        CustodyPart::of_development(environment)?
    } else {
        CustodyPart::configured(args, environment)?
    };
    let pkcs11 = pkcs11(args, environment, &custody.providers.value)?;
    let aws = aws(args, environment, &custody.providers.value)?;
    let gcp = gcp(args, environment, &custody.providers.value)?;
    let azure = azure(args, environment, &custody.providers.value)?;
    let verification = verification(args, &custody.providers.value)?;
    Ok(Config {
        installation: custody.installation,
        providers: custody.providers,
        software_seed_file: custody.software_seed_file,
        pkcs11,
        aws,
        gcp,
        azure,
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
    software_seed_file: Option<Setting<PathBuf>>,
    socket: Setting<PathBuf>,
    socket_mode: u32,
    registry: Setting<String>,
    audit_log: Setting<AuditLog>,
    deployment_profile: DeploymentProfile,
}

impl CustodyPart {
    /// `PLEXSPHERE_SIGNER_SOCKET` alone is passed over: it also tells clients whom to ask, so it may
    /// be there without anybody thinking of this custodian.
    fn of_development(environment: &Environment) -> Result<Self, Failure> {
        fn given<T>(value: T) -> Setting<T> {
            let source = Source::Flag("--dev");
            Setting { value, source }
        }
        for (flag, found) in [
            ("--key-provider", &environment.key_provider),
            ("--socket-mode", &environment.socket_mode),
            ("--registry", &environment.registry),
            ("--audit-log", &environment.audit_log),
            ("--deployment-profile", &environment.deployment_profile),
            ("--software-seed-file", &environment.software_seed_file),
        ] {
            if found.is_some() {
                let variable = variable(flag);
                return Err(Failure::usage(format_args!(
                    "{variable} cannot be used with --dev, which brings its own set-up: unset it, \
                     or leave --dev out"
                )));
            }
        }
        Ok(Self {
            installation: Installation::Development,
            providers: given(vec![ProviderName::Software]),
            software_seed_file: Some(given(dev::seed_file())),
            socket: given(dev::socket()),
            socket_mode: 0o600,
            registry: given(dev::registry_url()),
            audit_log: given(AuditLog::BesideRegistry),
            deployment_profile: DeploymentProfile::SelfhostedSingle,
        })
    }

    fn configured(args: &ServeArgs, environment: &Environment) -> Result<Self, Failure> {
        let providers = providers(args, environment)?;
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
        let software_seed_file = software_seed_file(args, environment, &providers.value)?;
        Ok(Self {
            installation: Installation::Configured,
            providers,
            software_seed_file,
            socket,
            socket_mode: socket_mode.value,
            registry,
            audit_log,
            deployment_profile: deployment_profile.value,
        })
    }
}

fn audit_log(args: &ServeArgs, environment: &Environment) -> Result<Setting<AuditLog>, Failure> {
    match pick!("--audit-log", audit_log of args, environment) {
        Some(text) => text.parse(limits::audit_log),
        None => Ok(Setting {
            value: AuditLog::BesideRegistry,
            source: Source::Default("--audit-log"),
        }),
    }
}

fn providers(
    args: &ServeArgs,
    environment: &Environment,
) -> Result<Setting<Vec<ProviderName>>, Failure> {
    const FLAG: &str = "--key-provider";
    if !args.key_provider.is_empty() {
        let text = Setting {
            value: args.key_provider.join(","),
            source: Source::Flag(FLAG),
        };
        return text.parse(|_joined| limits::repeated_providers(&args.key_provider));
    }
    match Setting::pick(FLAG, None, environment.key_provider.as_ref()) {
        Some(text) => text.parse(limits::listed_providers),
        None => Err(Failure::usage(
            "--key-provider is required; name the provider that holds the keys, as in \
             --key-provider pkcs11, or try things out with --dev",
        )),
    }
}

fn software_seed_file(
    args: &ServeArgs,
    environment: &Environment,
    providers: &[ProviderName],
) -> Result<Option<Setting<PathBuf>>, Failure> {
    let text = pick!("--software-seed-file", software_seed_file of args, environment);
    let configured = providers.contains(&ProviderName::Software);
    match text {
        Some(text) if configured => {
            let file = text.parse(limits::path)?;
            Ok(Some(file))
        }
        Some(text) => Err(text.source.refuse(
            &text.value,
            "is for the software provider, which is not configured; leave it out, or add \
             --key-provider software",
        )),
        None if configured => Err(Failure::usage(
            "--software-seed-file is required with --key-provider software; name a file of exactly \
             32 random bytes that only its owner can read",
        )),
        None => Ok(None),
    }
}

/// The settings of a token, which nobody may give without the provider that it is for.
fn pkcs11(
    args: &ServeArgs,
    environment: &Environment,
    providers: &[ProviderName],
) -> Result<Pkcs11Config, Failure> {
    let config = Pkcs11Config::resolve(&args.pkcs11, environment)?;
    require_provider(ProviderName::Pkcs11, providers, config.first_given())?;
    Ok(config)
}

/// The settings of AWS KMS, likewise.
fn aws(
    args: &ServeArgs,
    environment: &Environment,
    providers: &[ProviderName],
) -> Result<AwsConfig, Failure> {
    let config = AwsConfig::resolve(&args.aws, environment)?;
    require_provider(ProviderName::AwsKms, providers, config.first_given())?;
    Ok(config)
}

/// The settings of a key ring, likewise.
fn gcp(
    args: &ServeArgs,
    environment: &Environment,
    providers: &[ProviderName],
) -> Result<GcpConfig, Failure> {
    let config = GcpConfig::resolve(&args.gcp, environment)?;
    require_provider(ProviderName::GcpKms, providers, config.first_given())?;
    Ok(config)
}

/// The settings of a vault, likewise.
fn azure(
    args: &ServeArgs,
    environment: &Environment,
    providers: &[ProviderName],
) -> Result<AzureConfig, Failure> {
    let config = AzureConfig::resolve(&args.azure, environment)?;
    require_provider(ProviderName::AzureKv, providers, config.first_given())?;
    Ok(config)
}

/// Refuses a setting that somebody gave for a provider that is not configured.
fn require_provider(
    provider: ProviderName,
    providers: &[ProviderName],
    given: Option<Source>,
) -> Result<(), Failure> {
    match given {
        Some(source) if !providers.contains(&provider) => Err(source.explain(format_args!(
            "{} is for the {provider} provider, which is not configured; leave it out, or add \
             --key-provider {provider}",
            source.flag()
        ))),
        Some(_) | None => Ok(()),
    }
}

fn verification(args: &ServeArgs, providers: &[ProviderName]) -> Result<Verification, Failure> {
    if !args.no_verify_after_sign {
        return Ok(Verification::BeforeRelease);
    }
    if providers == [ProviderName::Software] {
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
