//! `serve`: from a configuration to a custodian that serves, and back.

mod clock;
mod entrance;
mod file_limit;
mod memory_budget;
mod orphans;
mod reopen;
mod room;
mod stop;
mod stray;

use std::sync::Arc;
use std::time::Duration;

use actix_rt::System;
use prometheus_client::registry::Registry as Metrics;
use signer_actors::{ActorCustody, CustodySettings, DrivenPorts, VerifyAfterSign};
use signer_http::{HttpMetrics, HttpSettings, Ports, Telemetry};
use tracing::{info, warn};

use crate::cli::{ServeArgs, TypedFlags};
use crate::composition::Composition;
use crate::config::{self, Config, Environment, Installation, Said, Verification};
use crate::failure::Failure;
use crate::telemetry::{self, Log, LogFormat};
use crate::wiring::{self, Around, AuditPlace, OpenAudit, OpenProviders, RegistryPlace};
use crate::{dev, hardening};
use entrance::take_places;
use file_limit::FileLimitSignal;
use reopen::ReopenSignal;
use stop::{Stop, StopSignals};
use stray::StraySignals;

/// How long callers may count on an idle connection: longer than most of them keep one, for who lets go
/// first loses no request.
const IDLE_LIMIT: Duration = Duration::from_secs(75);

/// Runs the custodian until it is told to stop.
///
/// Everything that can be told to be wrong is told before anything is created.
///
/// # Errors
/// With one sentence that names the flag and the cure.
pub(crate) fn serve(
    args: &ServeArgs,
    typed: &TypedFlags,
    composition: Composition<'_>,
) -> Result<(), Failure> {
    let Composition { providers, around } = composition;
    hardening::require_user_of_its_own()?;
    room::require()?;
    // First of all: a stop that is asked for during the start is a stop in order.
    let system = System::new();
    let signals = system.block_on(async {
        FileLimitSignal::listen()?;
        Ok(Signals {
            stop: StopSignals::listen()?,
            reopen: ReopenSignal::listen()?,
            stray: StraySignals::listen()?,
        })
    });
    let signals = signals.map_err(|cause: std::io::Error| {
        Failure::general(format_args!("signals cannot be listened to: {cause}"))
    })?;
    let said = Said {
        typed,
        environment: &Environment::read(providers)?,
    };
    let config = config::resolve(args, said, default_format(args), providers)?;
    wiring::check_support(&config, providers)?;
    let registry = RegistryPlace::of(&config)?;
    wiring::check_places(&config, &registry)?;
    hardening::harden()?;
    if config.installation == Installation::Development {
        dev::prepare_directory()?;
        wiring::provide_development_seed(&dev::seed_file())?;
    }
    let audit = AuditPlace::of(&config, &registry)?;
    clock::check()?;
    // A provider tells in the log what it makes of its token, whether or not the start is refused.
    let log = telemetry::start(config.log, providers)?;
    let opened = system.block_on(OpenProviders::of(&config.settings, providers))?;
    let places = Places { registry, audit };
    let outcome = system.block_on(run(config, places, signals, &opened, around, &log));
    // Last of all, for this may end the process on the spot: the audit log and the registry are
    // closed by now.
    opened.close(outcome)
}

fn default_format(args: &ServeArgs) -> LogFormat {
    if args.dev {
        LogFormat::Text
    } else {
        LogFormat::of_standard_error()
    }
}

/// The signals that are heard from the first moment on.
struct Signals {
    stop: StopSignals,
    reopen: ReopenSignal,
    stray: StraySignals,
}

/// Where the state of the custodian is kept.
struct Places {
    registry: RegistryPlace,
    audit: AuditPlace,
}

async fn run(
    config: Config,
    places: Places,
    signals: Signals,
    opened: &OpenProviders,
    around: &'static dyn Around,
    log: &Log,
) -> Result<(), Failure> {
    let memory_budget = memory_budget::within_limits(config.memory_budget)?;
    memory_budget::give_back();
    let (registry, entrance) = take_places(&config, &places.registry).await?;
    let opening = async {
        opened.learn_from(registry.port(around)).await?;
        places.audit.open(&registry, around.disk()).await
    };
    let audit = match opening.await {
        Ok(audit) => audit,
        Err(refusal) => {
            // Takes along what SQLite keeps beside the registry while it is open.
            drop(registry.close().await);
            return Err(refusal);
        }
    };
    actix_rt::spawn(signals.reopen.obey(audit.clone()));
    actix_rt::spawn(signals.stray.ignore());
    actix_rt::spawn(orphans::reap());
    opened.announce();
    let mut metrics = Metrics::default();
    let http = HttpMetrics::register(&mut metrics);
    audit.register(&mut metrics);
    log.register(&mut metrics);
    opened.register(&mut metrics);
    let custody = ActorCustody::start(
        custody_settings(&config),
        DrivenPorts {
            registry: registry.port(around),
            audit: audit.port(around),
            verifier_for: wiring::VERIFIER,
        },
        opened.specs(around),
        &mut metrics,
    );
    let custody = Arc::new(custody.map_err(room::no_thread)?);
    let telemetry = Telemetry {
        http,
        registry: Arc::new(metrics),
    };
    announce(&config, &audit);
    if config.installation == Installation::Development {
        actix_rt::spawn(dev::show_lines_to_try(
            config.socket.value.clone(),
            Arc::<ActorCustody>::clone(&custody),
        ));
    }
    let mut stop_of = Stop::Asked;
    let stopping = async { stop_of = signals.stop.received(opened.stuck()).await };
    let served = signer_http::serve(
        http_settings(&config, memory_budget),
        entrance.socket,
        entrance.health,
        Ports {
            custody: Arc::<ActorCustody>::clone(&custody),
            rotations: custody,
            audit: audit.port(around),
        },
        telemetry,
        stopping,
    )
    .await;
    audit.close().await;
    if let Err(cause) = registry.close().await {
        warn!(%cause, "registry not closed in order; nothing is lost");
    }
    info!("stopped");
    served.map_err(|cause| Failure::general(format_args!("serving ended: {cause}")))?;
    stop_of.outcome()
}

fn custody_settings(config: &Config) -> CustodySettings {
    CustodySettings {
        max_in_flight: config.max_in_flight.get(),
        overlap_window: config.overlap_window,
        verify_after_sign: match config.verification {
            Verification::BeforeRelease => VerifyAfterSign::Always,
            Verification::Off => VerifyAfterSign::Never,
        },
        ..CustodySettings::new(config.deployment_profile)
    }
}

fn http_settings(config: &Config, memory_budget: usize) -> HttpSettings {
    HttpSettings {
        workers: room::workers(),
        request_deadline: config.request_deadline,
        drain_timeout: config.drain_timeout,
        idle_limit: IDLE_LIMIT,
        memory_budget,
        providers: config.known.clone(),
    }
}

/// Says in the log where the custodian serves.
fn announce(config: &Config, audit: &OpenAudit) {
    if matches!(audit, OpenAudit::Off) {
        warn!("no audit log is kept: nothing will tell who signed what");
    }
    if config.verification == Verification::Off {
        warn!("signatures leave without being verified");
    }
    info!(
        version = env!("CARGO_PKG_VERSION"),
        socket = %config.socket.value.display(),
        profile = %config.deployment_profile,
        "serving"
    );
}
