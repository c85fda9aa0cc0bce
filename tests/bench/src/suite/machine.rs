//! What was measured, where, and how much else went on there.

use std::fs;
use std::num::NonZeroUsize;
use std::process::Command;

use serde::Serialize;
use signer_domain::clock;

use crate::Outcome;
use crate::stats::float;

/// The lock file of this build.
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// The machine and the build.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) kernel: String,
    pub(super) date: String,
    pub(super) revision: String,
    pub(super) compiler: String,
    pub(super) crates: Vec<String>,
    /// The share of all cores that other processes used during the run.
    pub(super) foreign_share: f64,
    /// The share of all cores that the hypervisor withheld during the run.
    pub(super) stolen_share: f64,
}

impl Machine {
    pub(super) fn read(revision: &str, stopwatch: &Stopwatch) -> Outcome<Self> {
        let noise = stopwatch.noise()?;
        let cpu_info = fs::read_to_string("/proc/cpuinfo")?;
        let processor = cpu_info
            .lines()
            .find(|line| line.starts_with("model name"))
            .and_then(|line| line.split_once(": "))
            .map_or("unknown", |(_label, name)| name);
        let compiler = Command::new("rustc").arg("--version").output()?;
        Ok(Self {
            processor: processor.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            date: clock::now().strftime("%Y-%m-%d").to_string(),
            revision: revision.to_owned(),
            compiler: String::from_utf8_lossy(&compiler.stdout).trim().to_owned(),
            crates: ["actix-web", "actix-http", "tokio", "ring", "ed25519-dalek"]
                .into_iter()
                .map(|name| format!("{name} {}", locked_version(name)))
                .collect(),
            foreign_share: noise.foreign,
            stolen_share: noise.stolen,
        })
    }
}

fn locked_version(name: &str) -> &'static str {
    let entry = format!("name = \"{name}\"\nversion = \"");
    LOCK.split_once(&entry)
        .and_then(|(_before, after)| after.split_once('"'))
        .map_or("unknown", |(version, _after)| version)
}

/// Ticks of all cores, and those that this process and its children used.
#[derive(Debug, Clone, Copy)]
struct Ticks {
    total: usize,
    busy: usize,
    stolen: usize,
    own: usize,
}

impl Ticks {
    fn now() -> Outcome<Self> {
        let all = fs::read_to_string("/proc/stat")?;
        let line = all.lines().next().ok_or("no processor line")?;
        let fields: Vec<usize> = line
            .split_whitespace()
            .skip(1)
            .take(8)
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [user, nice, system, idle, waiting, hard, soft, stolen] = *fields.as_slice() else {
            return Err("the processor line has another form".into());
        };
        let busy = user + nice + system + hard + soft;
        // The name of the program may hold blanks; what follows its parenthesis does not.
        let own = fs::read_to_string("/proc/self/stat")?;
        let (_name, fields) = own.rsplit_once(") ").ok_or("no process line")?;
        let own = fields
            .split_whitespace()
            .skip(11)
            .take(4)
            .map(str::parse::<usize>)
            .sum::<Result<_, _>>()?;
        Ok(Self {
            total: busy + idle + waiting + stolen,
            busy,
            stolen,
            own,
        })
    }
}

/// Watches how much of the machine others use. All servers must have ended when it is read.
#[derive(Debug)]
pub(super) struct Stopwatch(Ticks);

struct Noise {
    foreign: f64,
    stolen: f64,
}

impl Stopwatch {
    pub(super) fn start() -> Outcome<Self> {
        Ok(Self(Ticks::now()?))
    }

    fn noise(&self) -> Outcome<Noise> {
        let (before, now) = (self.0, Ticks::now()?);
        let total = float(now.total - before.total).max(1.0);
        let own = now.own - before.own;
        let foreign = (now.busy - before.busy).saturating_sub(own);
        Ok(Noise {
            foreign: float(foreign) / total,
            stolen: float(now.stolen - before.stolen) / total,
        })
    }
}
