//! A raw connection to a custodian.

use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::Response;

/// How long a silent custodian is listened to.
const PATIENCE: Duration = Duration::from_secs(30);

/// A kept connection over which a test says whatever it likes.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<UnixStream>,
}

impl Connection {
    /// Connects to the socket.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn open(socket: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// When the connection ends or breaks before the answer is whole.
    pub fn receive(&mut self) -> io::Result<Response> {
        Response::read(&mut self.stream)
    }

    /// Sends a request with a JSON body, or without one, and does not wait for the answer.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn start(&mut self, method: &str, path: &str, json: Option<&str>) -> io::Result<()> {
        self.send(&request(method, path, &[], json))
    }

    /// Sends a request with a JSON body, or without one, and reads the answer.
    ///
    /// # Errors
    /// When the connection ends or breaks before the answer is whole.
    pub fn ask(&mut self, method: &str, path: &str, json: Option<&str>) -> io::Result<Response> {
        self.start(method, path, json)?;
        self.receive()
    }

    /// Whether the other side has closed and everything it said was read.
    pub fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.stream.read(&mut byte), Ok(0))
    }

    /// The stream itself, for what this type does not offer.
    pub fn stream(&self) -> &UnixStream {
        self.stream.get_ref()
    }
}

/// A well-formed request.
pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    json: Option<&str>,
) -> Vec<u8> {
    let mut head = vec![
        format!("{method} {path} HTTP/1.1"),
        "Host: localhost".to_owned(),
    ];
    head.extend(
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    let body = json.unwrap_or_default();
    if json.is_some() {
        head.push("Content-Type: application/json".to_owned());
        head.push(format!("Content-Length: {}", body.len()));
    }
    format!("{}\r\n\r\n{body}", head.join("\r\n")).into_bytes()
}
