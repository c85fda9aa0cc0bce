//! Whether a crowd of idle connections delays a new request.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Outcome;
use crate::keys::handle_text;
use crate::process::{pause, raise_open_file_limit};
use crate::stats::Latencies;
use crate::wire::{Client, key_path, render};

/// How many new connections are tried.
pub(crate) const NEWCOMERS: usize = 50;

/// How long the crowd may settle, so that the server has accepted all of it.
const SETTLING: Duration = Duration::from_millis(500);

/// What the newcomers saw.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IdleReport {
    pub(crate) idle: usize,
    /// How many of the idle connections the server still held at the end.
    pub(crate) still_open: usize,
    pub(crate) p50_us: f64,
    pub(crate) max_us: f64,
}

/// Opens `idle` connections, half of them silent from the start and half kept alive after one
/// answer, then measures new ones: from connecting to holding a signature.
pub(crate) fn run(socket: &Path, idle: usize) -> Outcome<IdleReport> {
    raise_open_file_limit()?;
    let path = key_path(&handle_text(0), "/public-key");
    let read = render("GET", &path, "");
    let mut crowd = Vec::with_capacity(idle);
    for _ in 0..idle / 2 {
        let mut client = Client::connect(socket)?;
        client.expect(&read)?;
        crowd.push(client.into_stream());
    }
    while crowd.len() < idle {
        crowd.push(Client::connect(socket)?.into_stream());
    }
    pause(SETTLING);
    let newcomers = (0..NEWCOMERS)
        .map(|_| newcomer(socket))
        .collect::<Outcome<Vec<_>>>()?;
    let latencies = Latencies::new(newcomers);
    Ok(IdleReport {
        idle,
        still_open: crowd.iter().filter(|stream| is_open(stream)).count(),
        p50_us: latencies.at(500),
        max_us: latencies.max(),
    })
}

fn newcomer(socket: &Path) -> Outcome<Duration> {
    let digest = signer_domain::Digest::from_bytes([1; 64]);
    let body = serde_json::json!({ "digest": digest }).to_string();
    let sign = render("POST", &key_path(&handle_text(0), "/sign"), &body);
    let started = Instant::now();
    Client::connect(socket)?.expect(&sign)?;
    Ok(started.elapsed())
}

fn is_open(mut stream: &UnixStream) -> bool {
    let waiting = stream.set_nonblocking(true).is_ok();
    let nothing = stream.read(&mut [0]);
    waiting && nothing.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}
