//! One connection: a request goes out, a bounded answer comes back in bounded time.

use std::io;
use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::exit::Exit;
use crate::failure::{Failure, quoted};

/// More than any answer of ours; a larger one does not come from a custodian.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// An open connection to the custodian.
#[derive(Debug)]
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    patience: Duration,
}

impl Connection {
    /// Connects to the custodian at `socket`; each answer has to come within `patience`.
    pub(super) async fn open(socket: &Path, patience: Duration) -> Result<Self, Failure> {
        let stream = UnixStream::connect(socket)
            .await
            .map_err(|cause| unreachable_at(socket, &cause))?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // The driver ends with the connection; what went wrong is told to whoever waits.
        tokio::spawn(driver);
        Ok(Self { sender, patience })
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, Failure> {
        let exchange = async {
            self.sender.ready().await.map_err(broken)?;
            let response = self.sender.send_request(request).await.map_err(broken)?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER)
                .collect()
                .await
                .map_err(broken)?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        tokio::time::timeout(self.patience, exchange)
            .await
            .unwrap_or_else(|_elapsed| Err(silent(self.patience)))
    }
}

fn unreachable_at(socket: &Path, cause: &io::Error) -> Failure {
    let place = quoted(socket.display());
    match cause.kind() {
        io::ErrorKind::PermissionDenied => Failure::new(
            Exit::Denied,
            format_args!("the socket {place} is not open to this user"),
        ),
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Failure::new(
            Exit::Unavailable,
            format_args!(
                "no custodian answers at {place} ({cause}): start one, or name its socket with \
                 --socket"
            ),
        ),
        _ => Failure::new(
            Exit::Unavailable,
            format_args!("the socket {place} cannot be reached: {cause}"),
        ),
    }
}

fn broken(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
    let cause = cause.into();
    Failure::new(
        Exit::Unavailable,
        format_args!("the connection to the custodian broke: {cause}"),
    )
}

fn silent(patience: Duration) -> Failure {
    let patience = humantime::format_duration(patience);
    Failure::new(
        Exit::Unavailable,
        format_args!("the custodian did not answer within {patience}"),
    )
}
