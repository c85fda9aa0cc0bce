//! A server on a thread of its own.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use prometheus_client::registry::Registry;
use signer_http::socket::{BindSocketError, BoundSocket, SocketSettings};
use signer_http::{HttpMetrics, HttpSettings, Ports, Telemetry, serve};
use tempfile::TempDir;
use tokio::sync::{Mutex, oneshot};

use super::{Client, RecordingTrail, ScriptedCustody, providers};

/// Binding changes the umask of the whole process for a moment, in which no other test may make a
/// directory.
static UMASK: Mutex<()> = Mutex::const_new(());

/// A directory for one test.
pub(crate) fn temp_dir() -> TempDir {
    let _guard = UMASK.blocking_lock();
    TempDir::new().unwrap()
}

/// Binds a socket with a mode that lets everybody connect.
pub(crate) fn bind(path: &Path) -> Result<BoundSocket, BindSocketError> {
    bind_with_mode(path, 0o666)
}

pub(crate) fn bind_with_mode(path: &Path, mode: u32) -> Result<BoundSocket, BindSocketError> {
    let _guard = UMASK.blocking_lock();
    BoundSocket::bind(SocketSettings {
        path: path.to_owned(),
        mode,
    })
}

/// What a test may set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) request_deadline: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) idle_limit: Duration,
    pub(crate) memory_budget: usize,
}

/// More than any test takes that is not about that.
pub(crate) const PLENTY: usize = 256 * 1024 * 1024;

impl Default for Options {
    fn default() -> Self {
        Self {
            request_deadline: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(20),
            idle_limit: Duration::from_secs(2),
            memory_budget: PLENTY,
        }
    }
}

/// A server, and what it serves.
pub(crate) struct TestServer {
    pub(crate) custody: Arc<ScriptedCustody>,
    pub(crate) audit: Arc<RecordingTrail>,
    pub(crate) path: PathBuf,
    pub(crate) health: SocketAddr,
    pub(crate) dir: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::start_with(Options::default())
    }

    pub(crate) fn start_with(options: Options) -> Self {
        let dir = temp_dir();
        let path = dir.path().join("signer.sock");
        let socket = bind(&path).unwrap();
        let custody = Arc::new(ScriptedCustody::default());
        let audit = Arc::new(RecordingTrail::default());
        let health = TcpListener::bind("127.0.0.1:0").unwrap();
        let health_address = health.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let ports = Ports {
            custody: Arc::<ScriptedCustody>::clone(&custody),
            rotations: Arc::<ScriptedCustody>::clone(&custody),
            audit: Arc::<RecordingTrail>::clone(&audit),
        };
        let thread = std::thread::spawn(move || {
            let mut registry = Registry::default();
            let http = HttpMetrics::register(&mut registry);
            let registry = Arc::new(registry);
            let settings = HttpSettings {
                workers: 2,
                request_deadline: options.request_deadline,
                drain_timeout: options.drain_timeout,
                idle_limit: options.idle_limit,
                memory_budget: options.memory_budget,
                providers: providers(),
            };
            actix_web::rt::System::new().block_on(serve(
                settings,
                socket,
                Some(health),
                ports,
                Telemetry { http, registry },
                async { drop(stopped.await) },
            ))
        });
        Self {
            custody,
            audit,
            path,
            health: health_address,
            dir,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.path)
    }

    /// Tells the server to stop, and does not wait.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).unwrap_or_default();
        }
    }

    /// Stops the server, waits until it has stopped, and returns the directory of its socket.
    pub(crate) fn join(mut self) -> TempDir {
        self.stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
        std::mem::replace(&mut self.dir, temp_dir())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take()
            && !std::thread::panicking()
        {
            thread.join().unwrap().unwrap();
        }
    }
}
