//! From `exec` to the first signature, and what the custodian then weighs.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::json;
use signer_domain::Digest;

use crate::Outcome;
use crate::installation::{Audit, Installation, register};
use crate::keys::handle_text;
use crate::process::{pause, resident_kib};
use crate::stats::{Latencies, median};
use crate::wire::{Client, key_path, render};

/// How long the first signature may take before the measurement gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a started custodian is left alone before it is weighed.
const SETTLING: Duration = Duration::from_millis(300);

/// What starting costs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StartupReport {
    pub(crate) keys: u32,
    pub(crate) runs: usize,
    /// The median from `exec` to the first signature.
    pub(crate) first_signature_ms: f64,
    pub(crate) slowest_ms: f64,
    pub(crate) resident_at_start_kib: f64,
    pub(crate) resident_after_signature_kib: f64,
}

/// Registers `keys` keys and then starts the custodian again and again.
pub(crate) fn run(program: &Path, keys: u32, runs: usize) -> Outcome<StartupReport> {
    let installation = Installation::new(program, Audit::Off)?;
    let server = installation.start()?;
    register(server.socket(), keys)?;
    drop(server);

    let last_key = handle_text(keys.saturating_sub(1));
    let mut firsts = Vec::new();
    let mut at_start = Vec::new();
    let mut after_signature = Vec::new();
    for _ in 0..runs {
        firsts.push(first_signature(&installation, &last_key)?);
        let (before, after) = weigh(&installation, &last_key)?;
        at_start.push(before);
        after_signature.push(after);
    }
    let firsts = Latencies::new(firsts);
    Ok(StartupReport {
        keys,
        runs,
        first_signature_ms: firsts.at(500) / 1e3,
        slowest_ms: firsts.max() / 1e3,
        resident_at_start_kib: median(at_start),
        resident_after_signature_kib: median(after_signature),
    })
}

fn first_signature(installation: &Installation, handle_id: &str) -> Outcome<Duration> {
    let request = sign_request(handle_id);
    let started = Instant::now();
    let mut server = installation.spawn()?;
    let mut client = server.first_connection()?;
    loop {
        let (status, body) = client.exchange(&request)?;
        if status == 200 {
            return Ok(started.elapsed());
        }
        if started.elapsed() > PATIENCE {
            let text = String::from_utf8_lossy(&body);
            return Err(format!("no signature after the start, but {status}: {text}").into());
        }
        pause(Duration::from_micros(100));
    }
}

fn weigh(installation: &Installation, handle_id: &str) -> Outcome<(f64, f64)> {
    let server = installation.start()?;
    pause(SETTLING);
    let before = resident_kib(server.pid())?;
    Client::connect(server.socket())?.expect(&sign_request(handle_id))?;
    let after = resident_kib(server.pid())?;
    Ok((f64::from(before), f64::from(after)))
}

fn sign_request(handle_id: &str) -> Vec<u8> {
    let body = json!({ "digest": Digest::from_bytes([3; 64]) }).to_string();
    render("POST", &key_path(handle_id, "/sign"), &body)
}
