//! The threads and connections of one listener.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::time::Duration;

use actix_http::{HttpService, KeepAlive, Protocol, Request};
use actix_service::{ServiceFactory, ServiceFactoryExt as _};
use actix_web::dev::{Server, fn_service};
use actix_web::rt::net::{TcpStream, UnixStream};
use rustix::process::getpriority_process;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connection::Connection;
use crate::guarded::Guarded;
use crate::peer::Accepted;
use crate::seconds::whole_seconds;
use crate::service::{Service, Shared};

/// How long what a caller still sends is thrown away, so that it can read why nobody listens.
const LINGER_LIMIT: Duration = Duration::from_secs(1);

/// How much of an answer waits to be sent before the next part of it is asked for.
const WRITE_BUFFER: usize = 16 * 1024;

/// How one listener is served. Each listener has threads and connections of its own, so that a crowd
/// at one cannot starve the other.
pub(crate) struct Pool {
    pub(crate) workers: usize,
    /// How many connections one worker serves at once.
    pub(crate) max_connections: usize,
    pub(crate) shutdown_timeout: Duration,
    /// How long a connection may stay idle between two requests.
    pub(crate) idle_limit: Duration,
}

/// What a pool serves.
pub(crate) enum Listener {
    Socket(UnixListener),
    Health(TcpListener),
}

impl Pool {
    pub(crate) fn serve(&self, listener: Listener, shared: Shared) -> io::Result<Server> {
        let builder = Server::build()
            .workers(self.workers)
            .max_concurrent_connections(self.max_connections)
            .disable_signals()
            .shutdown_timeout(whole_seconds(self.shutdown_timeout));
        let stopping = builder.graceful_shutdown_signal();
        let stopping = move || {
            let stopping = stopping.clone();
            async move { stopping.notified().await }
        };
        let idle_limit = self.idle_limit;
        let builder = match listener {
            Listener::Socket(socket) => builder.listen_uds("socket", socket, move || {
                connections::<UnixStream, _>(shared.clone(), stopping.clone(), idle_limit)
            })?,
            Listener::Health(health) => builder.listen("health", health, move || {
                connections::<TcpStream, _>(shared.clone(), stopping.clone(), idle_limit)
            })?,
        };
        Ok(builder.run())
    }
}

/// What serves the connections of one worker.
fn connections<S, F>(
    shared: Shared,
    stopping: impl Fn() -> F + 'static,
    idle_limit: Duration,
) -> impl ServiceFactory<S, Config = (), Response = (), InitError = ()>
where
    S: Accepted + AsyncRead + AsyncWrite + Unpin + 'static,
    F: Future<Output = ()> + 'static,
{
    take_no_core();
    let service = Service::new(shared);
    let requests = {
        let service = Rc::clone(&service);
        move |request: Request| {
            let service = Rc::clone(&service);
            async move { Ok::<_, Infallible>(service.respond(request).await) }
        }
    };
    let http = HttpService::build()
        // Our stream lets go of those who are idle or slow, and only when nothing has come from them.
        .keep_alive(KeepAlive::Os)
        .client_request_timeout(Duration::ZERO)
        .client_disconnect_timeout(LINGER_LIMIT)
        .graceful_shutdown_signal(stopping)
        .h1_write_buffer_size(WRITE_BUFFER)
        .on_connect_ext(|connection: &Connection<Guarded<S>>, data| connection.remember(data))
        .finish(fn_service(requests));
    fn_service(move |stream: S| {
        let service = Rc::clone(&service);
        async move {
            let stream = Guarded::admit(stream, &service).await?;
            let connection = Connection::new(stream, service, idle_limit);
            Ok((connection, Protocol::Http1, None))
        }
    })
    .and_then(http)
}

/// Has the kernel wake this thread without taking a core from another one for it (`SCHED_BATCH`). What
/// comes in meanwhile is then served in one go, and a key's thread is not interrupted by each request and
/// each answer of others. A core that is idle is taken at once as before.
fn take_no_core() {
    /// The niceness 0, as the library counts.
    const USUAL: u8 = 47;
    // The library sets the niceness as well, so a process that was given another one is left alone.
    if getpriority_process(None) != Ok(0) {
        return;
    }
    let set = ThreadPriorityValue::try_from(USUAL).map(|usual| {
        let batch = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Batch);
        let usual = ThreadPriority::Crossplatform(usual);
        set_thread_priority_and_policy(thread_native_id(), usual, batch)
    });
    if !matches!(set, Ok(Ok(()))) {
        tracing::debug!(?set, "threads of connections are scheduled as others");
    }
}
