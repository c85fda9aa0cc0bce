//! Serves until it is told to stop, and then loses nothing.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::rt::time::{interval, sleep};
use futures_util::future::{OptionFuture, join};

use crate::access::Access;
use crate::crowd::{ConnectionLimits, Crowd};
use crate::denials::Denials;
use crate::drain::Drain;
use crate::memory::MemoryBudget;
use crate::metrics::Telemetry;
use crate::pool::{Listener, Pool};
use crate::ports::Ports;
use crate::service::Shared;
use crate::socket::{BoundSocket, SocketPlace};
use signer_domain::KnownProviders;
use signer_domain::ports::AuditTrail;

/// How many connections more than it serves a worker takes from the kernel: those that leave, and those
/// that are turned away.
const IN_PASSING: usize = 1024;
/// How often what was counted meanwhile is looked at.
const TICK: Duration = Duration::from_secs(1);
/// How often the log says that connections were turned away.
const REMINDER: Duration = Duration::from_secs(10);
/// How long callers that had already found the socket are still accepted after it is gone, and how
/// long open connections have to carry the news that they will be closed.
const FAREWELL: Duration = Duration::from_millis(300);
/// How long the last refusals have to be recorded and written before the workers are stopped.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How many connections the health listener takes from the kernel: those that stand about, and those
/// that are on their way out because others came.
const MAX_HEALTH_CONNECTIONS: usize = 512;

/// How the server serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// How many threads serve the socket; at least one. The health listener has one of its own.
    pub workers: usize,
    /// How long a request may take, its body included.
    pub request_deadline: Duration,
    /// How long requests may still take once the server was told to stop.
    pub drain_timeout: Duration,
    /// How long a connection is kept for its next request, as callers are told. It stays a little longer.
    pub idle_limit: Duration,
    /// How many bytes callers may make the process hold, for connections, heads, bodies and answers.
    pub memory_budget: usize,
    /// The providers that a request may name.
    pub providers: KnownProviders,
}

/// Serves `ports` on `socket`, and probes and metrics on `health`, until `shutdown` is ready and
/// every accepted request is answered.
///
/// Only the user that runs the process and root may use the socket; the probes are open to everyone.
/// Must be called within an actix system. Signals are not handled here.
///
/// The stop happens in an order in which no request is lost: the path is freed so that nobody new
/// finds it; connections that were already under way are still accepted for a moment, and every
/// answer closes its connection; then the workers finish what they have. What is still unanswered
/// after the drain timeout is refused with `draining`. Probes at `health` are answered to the end.
/// Every request was handed to the record when this returns; what was only noted may not be durable yet.
///
/// # Errors
/// When the listeners cannot be served, or the server fails while running.
pub async fn serve(
    settings: HttpSettings,
    socket: BoundSocket,
    health: Option<TcpListener>,
    ports: Ports,
    telemetry: Telemetry,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (listener, place) = socket.into_parts();
    let drain = Arc::new(Drain::default());
    let place = Arc::new(place);
    let limits = ConnectionLimits::fitting(settings.memory_budget, most_open_files());
    let http = &telemetry.http;
    let crowd = Crowd::new(limits, http.connections(), http.connections_refused());
    let denials = Arc::<Denials>::default();
    let trail = Arc::clone(&ports.audit);
    let shared = Shared {
        crowd: Arc::clone(&crowd),
        budget: MemoryBudget::new(settings.memory_budget, http.memory_held()),
        denials: Arc::clone(&denials),
        ports,
        telemetry,
        drain: Arc::clone(&drain),
        socket: Arc::clone(&place),
        access: Access::of_this_process(),
        request_deadline: settings.request_deadline,
        providers: settings.providers,
    };
    let main = Pool {
        workers: settings.workers.max(1),
        max_connections: limits.total() + IN_PASSING,
        shutdown_timeout: settings.drain_timeout + LAST_WORDS,
        idle_limit: settings.idle_limit,
    };
    let for_health = Pool {
        workers: 1,
        max_connections: MAX_HEALTH_CONNECTIONS,
        shutdown_timeout: Duration::from_secs(1),
        idle_limit: settings.idle_limit,
    };
    let servers = Servers {
        main: main.serve(Listener::Socket(listener), shared.clone())?,
        health: health
            .map(|health| for_health.serve(Listener::Health(health), shared))
            .transpose()?,
    };
    let serving = run(servers, shutdown, &drain, &place, settings.drain_timeout);
    let served = tokio::select! {
        served = serving => served,
        never = keep_counts(&*trail, &denials, &crowd) => match never {},
    };
    denials.take_all().into_iter().for_each(|it| trail.note(it));
    served
}

/// Records what was counted of strangers, and says when connections were turned away.
#[expect(clippy::infinite_loop, reason = "it goes on until its caller drops it")]
async fn keep_counts(trail: &dyn AuditTrail, denials: &Denials, crowd: &Crowd) -> Infallible {
    let mut tick = interval(TICK);
    let mut told: Option<Instant> = None;
    loop {
        tick.tick().await;
        let now = Instant::now();
        denials
            .take_ended(now)
            .into_iter()
            .for_each(|it| trail.note(it));
        if told.is_none_or(|told| told + REMINDER <= now) {
            let refused = crowd.take_turned_away();
            if refused > 0 {
                tracing::warn!(
                    refused,
                    "connections turned away: there is no room for more"
                );
                told = Some(now);
            }
        }
    }
}

/// How many files this process may have open.
fn most_open_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let current = limit.current.and_then(|files| files.try_into().ok());
    current.unwrap_or(usize::MAX)
}

/// The servers, each with its own pool.
struct Servers {
    main: Server,
    health: Option<Server>,
}

impl Servers {
    /// Runs until one of them ends.
    async fn serve(&mut self) -> io::Result<()> {
        let health = OptionFuture::from(self.health.as_mut());
        tokio::select! {
            result = &mut self.main => result,
            Some(result) = health => result,
        }
    }

    /// Stops the main one gracefully, and only then the other: a probe is answered to the end.
    async fn stop(self) -> io::Result<()> {
        stop(self.main).await?;
        match self.health {
            Some(health) => stop(health).await,
            None => Ok(()),
        }
    }
}

async fn stop(server: Server) -> io::Result<()> {
    let stop = server.handle().stop(true);
    join(server, stop).await.0
}

async fn run(
    mut servers: Servers,
    shutdown: impl Future<Output = ()>,
    drain: &Drain,
    place: &SocketPlace,
    drain_timeout: Duration,
) -> io::Result<()> {
    tokio::select! {
        result = servers.serve() => return result,
        () = shutdown => {}
    }
    tracing::info!("draining");
    place.vacate();
    drain.begin();
    let timer = async {
        sleep(drain_timeout).await;
        drain.expire();
        std::future::pending::<Infallible>().await
    };
    let finish = async {
        sleep(FAREWELL).await;
        servers.stop().await
    };
    tokio::select! {
        result = finish => result,
        never = timer => match never {},
    }
}
