//! The ceiling: signing and verifying in a bare loop on every core.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use serde::Serialize;
use signer_domain::Digest;

use crate::Outcome;
use crate::keys::{PreparedKey, handle_text, prepare};
use crate::process::thread_cpu;
use crate::stats::{float, micros};

/// What the loop reached.
#[derive(Debug, Serialize)]
pub(crate) struct RawReport {
    pub(crate) threads: usize,
    pub(crate) signatures_per_second: f64,
    pub(crate) cpu_us_per_signature: f64,
}

/// Signs and verifies on every core for `duration`.
pub(crate) fn run(duration: Duration) -> Outcome<RawReport> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let mut keys = prepare(1)?;
    let key = keys.remove(&handle_text(0)).ok_or("no key was prepared")?;
    let turns: Vec<Outcome<Turn>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| turn(&key, duration)))
            .collect();
        let finished = running.into_iter().map(std::thread::ScopedJoinHandle::join);
        finished
            .map(|turn| turn.unwrap_or_else(|_panic| Err("a signing thread panicked".into())))
            .collect()
    });
    let turns: Vec<Turn> = turns.into_iter().collect::<Outcome<_>>()?;
    let signatures = float(turns.iter().map(|turn| turn.signatures).sum());
    let cpu = turns.iter().map(|turn| turn.cpu).sum();
    let rates = turns
        .iter()
        .map(|turn| float(turn.signatures) / turn.wall.as_secs_f64());
    Ok(RawReport {
        threads,
        signatures_per_second: rates.sum(),
        cpu_us_per_signature: micros(cpu) / signatures,
    })
}

struct Turn {
    signatures: usize,
    wall: Duration,
    cpu: Duration,
}

fn turn(key: &PreparedKey, duration: Duration) -> Outcome<Turn> {
    let cpu_before = thread_cpu()?;
    let started = Instant::now();
    let mut signatures: usize = 0;
    let mut message = [0_u8; 64];
    while started.elapsed() < duration {
        let [first, ..] = &mut message;
        *first = first.wrapping_add(1);
        key.sign(&Digest::from_bytes(message))
            .ok_or("a signature does not verify")?;
        signatures += 1;
    }
    Ok(Turn {
        signatures,
        wall: started.elapsed(),
        cpu: thread_cpu()?.saturating_sub(cpu_before),
    })
}
