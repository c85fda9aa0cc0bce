//! A server on a port of this machine, with faults on demand.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::body::AnswerBody;
use crate::certificate::Certificate;
use crate::fault::{Fault, Rule, due};
use crate::message::{Answer, Request};

/// What a server answers. Calls come from several threads at once.
pub trait Service: Send + Sync + 'static {
    /// Does what is asked.
    fn answer(&self, request: &Request) -> Answer;
}

/// A server. It ends with its value.
pub struct FakeServer {
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    desk: Arc<Desk>,
    /// Who accepts connections, and serves those that were made. None while the server is down.
    serving: Mutex<Option<JoinHandle<()>>>,
    /// `None` only while the value is dropped.
    runtime: Option<Runtime>,
}

/// What all connections share.
struct Desk {
    service: Arc<dyn Service>,
    rules: Mutex<Vec<Rule>>,
    latency: Mutex<Duration>,
    seen: Mutex<Vec<Request>>,
    under_way: Mutex<UnderWay>,
    /// How many bytes of endless answers were taken.
    taken: Arc<AtomicUsize>,
}

/// How many requests are under way, and how many there were at the most.
#[derive(Default)]
struct UnderWay {
    now: usize,
    most: usize,
}

/// A request that is under way until this value ends, also when its client has left.
struct Visit(Arc<Desk>);

impl Visit {
    fn begin(desk: &Arc<Desk>) -> Self {
        let mut under_way = desk.under_way.lock();
        under_way.now += 1;
        under_way.most = under_way.most.max(under_way.now);
        Self(Arc::clone(desk))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.under_way.lock().now -= 1;
    }
}

impl FakeServer {
    /// Serves on a free port, without TLS.
    pub fn start(service: Arc<dyn Service>) -> Self {
        Self::start_with(service, None)
    }

    /// Serves on a free port, with TLS.
    pub fn start_tls(service: Arc<dyn Service>, certificate: &Certificate) -> Self {
        Self::start_with(service, Some(certificate.acceptor()))
    }

    fn start_with(service: Arc<dyn Service>, acceptor: Option<TlsAcceptor>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = bind(&runtime, (Ipv4Addr::LOCALHOST, 0).into());
        let server = Self {
            address: listener.local_addr().unwrap(),
            acceptor,
            desk: Arc::new(Desk {
                service,
                rules: Mutex::default(),
                latency: Mutex::default(),
                seen: Mutex::default(),
                under_way: Mutex::default(),
                taken: Arc::default(),
            }),
            serving: Mutex::default(),
            runtime: Some(runtime),
        };
        server.serve(listener);
        server
    }

    /// Where the server is: `http://127.0.0.1:40123`, or the same with `https`.
    pub fn url(&self) -> String {
        let scheme = if self.acceptor.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// Lets the next `times` requests that `matches` go wrong. Rules that came first go first.
    pub fn inject(
        &self,
        times: usize,
        matches: impl Fn(&Request) -> bool + Send + 'static,
        fault: Fault,
    ) {
        self.desk.rules.lock().push(Rule {
            matches: Box::new(matches),
            fault,
            times,
        });
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.desk.rules.lock().clear();
    }

    /// Every answer comes this much later from now on.
    pub fn set_latency(&self, latency: Duration) {
        *self.desk.latency.lock() = latency;
    }

    /// The requests that have arrived, oldest first, those that went wrong too.
    pub fn requests(&self) -> Vec<Request> {
        self.desk.seen.lock().clone()
    }

    /// How many requests were under way at once, at the most.
    pub fn most_at_once(&self) -> usize {
        self.desk.under_way.lock().most
    }

    /// How many bytes of endless answers were taken since this was last asked, by clients or by the
    /// buffers on the way to them.
    pub fn taken(&self) -> usize {
        self.desk.taken.swap(0, Ordering::SeqCst)
    }

    /// Goes down: the port refuses connections, and those that were made end.
    pub fn stop(&self) {
        let Some(serving) = self.serving.lock().take() else {
            return;
        };
        serving.abort();
        // The listener is closed when the task is gone, which the server's own thread sees to.
        while !serving.is_finished() {
            std::thread::yield_now();
        }
    }

    /// Comes back on the same port, if it is down.
    pub fn resume(&self) {
        if self.serving.lock().is_some() {
            return;
        }
        let listener = bind(self.runtime.as_ref().unwrap(), self.address);
        self.serve(listener);
    }

    fn serve(&self, listener: TcpListener) {
        let (desk, acceptor) = (Arc::clone(&self.desk), self.acceptor.clone());
        let runtime = self.runtime.as_ref().unwrap();
        *self.serving.lock() = Some(runtime.spawn(accept(listener, acceptor, desk)));
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        // An ordinary drop waits, which is not allowed on a thread of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for FakeServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn bind(runtime: &Runtime, address: SocketAddr) -> TcpListener {
    // The standard library sets SO_REUSEADDR, so that a port can be taken again at once.
    let listener = std::net::TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    let _context = runtime.enter();
    TcpListener::from_std(listener).unwrap()
}

/// Connections end with this task: they are its own.
async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, desk: Arc<Desk>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let desk = Arc::clone(&desk);
        match acceptor.clone() {
            None => {
                connections.spawn(serve_one(stream, desk));
            }
            Some(acceptor) => {
                connections.spawn(serve_one_secretly(stream, acceptor, desk));
            }
        }
    }
}

async fn serve_one_secretly(stream: TcpStream, acceptor: TlsAcceptor, desk: Arc<Desk>) {
    // A client that does not trust the certificate leaves.
    if let Ok(stream) = acceptor.accept(stream).await {
        serve_one(stream, desk).await;
    }
}

async fn serve_one(stream: impl AsyncRead + AsyncWrite + Unpin, desk: Arc<Desk>) {
    let answer = |request| answer(Arc::clone(&desk), request);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
    // A client may leave whenever it likes, and a fault may end the connection.
    drop(served);
}

/// An error ends the connection without an answer.
async fn answer(
    desk: Arc<Desk>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<AnswerBody>, io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or("").to_owned(),
        headers: head.headers,
        body,
    };
    let _visit = Visit::begin(&desk);
    desk.seen.lock().push(request.clone());
    let fault = due(&mut desk.rules.lock(), &request);
    let latency = *desk.latency.lock();
    tokio::time::sleep(latency).await;
    let mut body_of: fn(Bytes, Arc<AtomicUsize>) -> AnswerBody = |body, _| AnswerBody::whole(body);
    let answer = match fault {
        None => desk.service.answer(&request),
        Some(Fault::Answer(answer)) => answer,
        Some(Fault::Endless(answer)) => {
            body_of = AnswerBody::endless;
            answer
        }
        Some(Fault::Truncated(answer)) => {
            body_of = |body, _| AnswerBody::truncated(body);
            answer
        }
        Some(Fault::Slow(delay)) => {
            let answer = desk.service.answer(&request);
            tokio::time::sleep(delay).await;
            answer
        }
        Some(Fault::Change(change)) => change(desk.service.answer(&request)),
        Some(Fault::Cut) => return Err(io::ErrorKind::ConnectionReset.into()),
        Some(Fault::LoseAnswer) => {
            drop(desk.service.answer(&request));
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Some(Fault::Late(delay)) => {
            let desk = Arc::clone(&desk);
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                drop(desk.service.answer(&request));
            });
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Some(Fault::Hang) => std::future::pending::<Result<Answer, Infallible>>()
            .await
            .unwrap(),
    };
    let mut response = hyper::Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    let body = body_of(answer.body, Arc::clone(&desk.taken));
    Ok(response.body(body).unwrap())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use serde_json::json;

    use super::*;

    struct Echo;

    impl Service for Echo {
        fn answer(&self, request: &Request) -> Answer {
            Answer::json(200, &json!({ "path": request.path }))
        }
    }

    fn ask(server: &FakeServer) -> io::Result<String> {
        let mut stream = TcpStream::connect(server.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /x?y HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn answers_and_remembers_what_it_was_asked() {
        let server = FakeServer::start(Arc::new(Echo));
        let text = ask(&server).unwrap();
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert!(text.ends_with(r#"{"path":"/x"}"#), "{text}");
        let seen = server.requests();
        assert_eq!((seen.len(), seen[0].query.as_str()), (1, "y"));
    }

    #[test]
    fn goes_wrong_as_often_as_it_is_told() {
        let server = FakeServer::start(Arc::new(Echo));
        let busy = Answer::json(429, &json!({})).with("retry-after", "7");
        server.inject(2, |_| true, Fault::Answer(busy));
        server.inject(1, |_| true, Fault::Cut);
        let statuses = [(); 4].map(|()| ask(&server).unwrap().get(9..12).map(str::to_owned));
        let expected = [Some("429"), Some("429"), None, Some("200")];
        assert_eq!(statuses, expected.map(|status| status.map(str::to_owned)));
    }

    #[test]
    fn goes_down_and_comes_back_on_the_same_port() {
        let server = FakeServer::start(Arc::new(Echo));
        server.stop();
        ask(&server).unwrap_err();
        server.resume();
        ask(&server).unwrap();
    }
}
