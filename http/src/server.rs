//! Serves until it is told to stop, and then loses nothing.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::Request;
use actix_web::HttpServer;
use actix_web::dev::{Server, fn_service};
use actix_web::rt::time::sleep;
use futures_util::future::join;
use signer_domain::ports::Custody;

use crate::access::Access;
use crate::drain::Drain;
use crate::metrics::Telemetry;
use crate::peer::Ingress;
use crate::service::{Service, Shared};
use crate::socket::{BoundSocket, SocketPlace};

/// How long a connection may take to send the head of a request, or stay idle between two.
const IDLE_LIMIT: Duration = Duration::from_secs(5);
/// How many connections one worker serves at once.
const MAX_CONNECTIONS: usize = 25_000;
/// How long callers that had already found the socket are still accepted after it is gone, and how
/// long open connections have to carry the news that they will be closed.
const FAREWELL: Duration = Duration::from_millis(300);
/// How long the last refusals have to be written before the workers are stopped.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How the server serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// How many threads serve; at least one.
    pub workers: usize,
    /// How long a request may take, its body included.
    pub request_deadline: Duration,
    /// How long requests may still take once the server was told to stop.
    pub drain_timeout: Duration,
}

/// Serves `custody` on `socket`, and probes and metrics on `health`, until `shutdown` is ready and
/// every accepted request is answered.
///
/// Only the user that runs the process and root may use the socket; the probes are open to everyone.
/// Must be called within an actix system. Signals are not handled here.
///
/// The stop happens in an order in which no request is lost: the path is freed so that nobody new
/// finds it; connections that were already under way are still accepted for a moment, and every
/// answer closes its connection; then the workers finish what they have. What is still unanswered
/// after the drain timeout is refused with `draining`.
///
/// # Errors
/// When the listeners cannot be served, or the server fails while running.
pub async fn serve(
    settings: HttpSettings,
    socket: BoundSocket,
    health: Option<TcpListener>,
    custody: Arc<dyn Custody>,
    telemetry: Telemetry,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (listener, place) = socket.into_parts();
    let drain = Arc::new(Drain::default());
    let place = Arc::new(place);
    let shared = Shared {
        custody,
        telemetry,
        drain: Arc::clone(&drain),
        socket: Arc::clone(&place),
        access: Access::of_this_process(),
        request_deadline: settings.request_deadline,
    };
    let server = HttpServer::new(move || {
        let service = Service::new(shared.clone());
        fn_service(move |request: Request| {
            let service = Rc::clone(&service);
            async move { Ok::<_, Infallible>(service.respond(request).await) }
        })
    })
    .workers(settings.workers.max(1))
    .max_connections(MAX_CONNECTIONS)
    .keep_alive(IDLE_LIMIT)
    .client_request_timeout(IDLE_LIMIT)
    .on_connect(Ingress::remember)
    .disable_signals()
    .shutdown_timeout(whole_seconds(settings.drain_timeout + LAST_WORDS))
    .listen_uds(listener)?;
    let server = match health {
        Some(health) => server.listen(health)?,
        None => server,
    };
    run(
        server.run(),
        shutdown,
        &drain,
        &place,
        settings.drain_timeout,
    )
    .await
}

async fn run(
    mut server: Server,
    shutdown: impl Future<Output = ()>,
    drain: &Drain,
    place: &SocketPlace,
    drain_timeout: Duration,
) -> io::Result<()> {
    tokio::select! {
        result = &mut server => return result,
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
        let stop = server.handle().stop(true);
        join(server, stop).await.0
    };
    tokio::select! {
        result = finish => result,
        never = timer => match never {},
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
