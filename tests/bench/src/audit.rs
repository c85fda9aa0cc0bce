//! What the record of every request costs: the custodian with and without it, in turns.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Outcome;
use crate::installation::{Audit, Installation, register};
use crate::load::{self, LoadReport, Plan, RequestSet};
use crate::process::{Server, on_one_core};
use crate::stats::Latencies;

/// Handles that take turns.
const HANDLES: u32 = 8;

/// About as long as the entry of one signature, in bytes.
const ENTRY: usize = 700;

/// Everything that was found, round by round.
#[derive(Debug, Serialize)]
pub(crate) struct AuditReport {
    pub(crate) crowd: Vec<OnAndOff>,
    pub(crate) alone: Vec<OnAndOff>,
    /// The median time to append an entry and have it on the disk, in microseconds.
    pub(crate) raw_flush_us: Vec<f64>,
}

/// The same load on a custodian that records and on one that does not.
#[derive(Debug, Serialize)]
pub(crate) struct OnAndOff {
    pub(crate) on: LoadReport,
    pub(crate) off: LoadReport,
}

/// Loads both in turns; who comes first alternates.
pub(crate) fn run(program: &Path, rounds: usize, duration: Duration) -> Outcome<AuditReport> {
    let on = Candidate::start(program, Audit::On)?;
    let off = Candidate::start(program, Audit::Off)?;
    let mut report = AuditReport {
        crowd: Vec::new(),
        alone: Vec::new(),
        raw_flush_us: Vec::new(),
    };
    for round in 0..rounds {
        let is_on_first = round.is_multiple_of(2);
        let both = |one: &dyn Fn(&Candidate) -> Outcome<LoadReport>| -> Outcome<OnAndOff> {
            if is_on_first {
                let on = one(&on)?;
                let off = one(&off)?;
                return Ok(OnAndOff { on, off });
            }
            let off = one(&off)?;
            let on = one(&on)?;
            Ok(OnAndOff { on, off })
        };
        report
            .crowd
            .push(both(&|candidate| candidate.crowd(duration))?);
        report
            .alone
            .push(both(&|candidate| candidate.alone(duration))?);
        let flush = || raw_flush(on.installation.directory(), duration);
        report.raw_flush_us.push(on_one_core(flush)?);
    }
    Ok(report)
}

/// One custodian, with every core and on one core alone. The servers end before their directory
/// goes.
struct Candidate {
    roomy: Server,
    pinned: Server,
    installation: Installation,
    _pinned: Installation,
}

impl Candidate {
    fn start(program: &Path, audit: Audit) -> Outcome<Self> {
        let installation = Installation::new(program, audit)?;
        let on_one = Installation::new(program, audit)?;
        let candidate = Self {
            roomy: installation.start()?,
            pinned: on_one_core(|| on_one.start())?,
            installation,
            _pinned: on_one,
        };
        for server in [&candidate.roomy, &candidate.pinned] {
            register(server.socket(), HANDLES)?;
        }
        Ok(candidate)
    }

    fn crowd(&self, duration: Duration) -> Outcome<LoadReport> {
        load_with(&self.roomy, 32, duration)
    }

    fn alone(&self, duration: Duration) -> Outcome<LoadReport> {
        on_one_core(|| load_with(&self.pinned, 1, duration))
    }
}

fn load_with(server: &Server, connections: usize, duration: Duration) -> Outcome<LoadReport> {
    let requests = RequestSet::singles(server.socket(), 0..HANDLES)?;
    let plan = Plan {
        socket: server.socket().to_owned(),
        connections,
        warm_up: duration.div_f64(5.0).min(Duration::from_millis(200)),
        duration,
        server: Some(server.pid()),
    };
    load::run(&plan, &requests)
}

/// Appends entries one by one and has each on the disk before the next.
fn raw_flush(directory: &Path, duration: Duration) -> Outcome<f64> {
    let path = directory.join("raw-flush");
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    let entry = vec![b'x'; ENTRY];
    let mut spans = Vec::new();
    let ends_at = Instant::now() + duration;
    while Instant::now() < ends_at {
        let started = Instant::now();
        file.write_all(&entry)?;
        file.sync_data()?;
        spans.push(started.elapsed());
    }
    Ok(Latencies::new(spans).at(500))
}
