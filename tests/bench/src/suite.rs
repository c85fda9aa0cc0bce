//! The whole comparison: custodian and bare server in turns, round after round.

mod machine;
mod page;
mod scenario;
mod table;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tempfile::TempDir;

use crate::Outcome;
use crate::audit::{self, AuditReport};
use crate::fairness::{self, FairnessReport};
use crate::idle::{self, IdleReport};
use crate::installation::{Audit, Installation, register, start_bare};
use crate::load::LoadReport;
use crate::million::{self, MillionReport};
use crate::precedence::Precedence;
use crate::process::{Server, on_one_core, raise_open_file_limit, resident_kib};
use crate::raw::{self, RawReport};
use crate::startup::{self, StartupReport};

use machine::Machine;
use scenario::Scenario;

/// Handles that take turns.
const HANDLES: u32 = 8;

/// What the suite measures and how long.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SuiteArguments {
    /// The custodian's binary.
    #[arg(long)]
    program: PathBuf,
    /// How often custodian and bare server take turns.
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Seconds of each single measurement.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Keys registered for the start-up measurement.
    #[arg(long, default_value_t = 10_000)]
    registered_keys: u32,
    /// Keys registered where many are compared with ten.
    #[arg(long, default_value_t = 1_000_000)]
    many_keys: u32,
    /// Connections held idle.
    #[arg(long, default_value_t = 10_000)]
    idle_connections: usize,
    /// What was built, for the page.
    #[arg(long, default_value = "unknown")]
    revision: String,
    /// Write the figures to this Markdown page.
    #[arg(long)]
    page: Option<PathBuf>,
    /// Write every single figure to this JSON file.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// The same measurement of both servers within one round.
#[derive(Debug, Serialize)]
struct Pair<T> {
    custodian: T,
    bare: T,
}

/// Everything the suite found.
#[derive(Debug, Serialize)]
struct Figures {
    machine: Machine,
    rounds: usize,
    seconds: f64,
    loads: Vec<(Scenario, Vec<Pair<LoadReport>>)>,
    raw: Vec<RawReport>,
    fairness: Vec<Pair<FairnessReport>>,
    idle: Vec<Pair<IdleReport>>,
    resident_after_load_kib: Pair<u32>,
    startup: StartupReport,
    audit: AuditReport,
    million: MillionReport,
}

/// Runs the comparison, prints its table, and writes the page when one is asked for.
pub(crate) fn run(arguments: &SuiteArguments) -> Outcome<()> {
    raise_open_file_limit()?;
    let figures = measure(arguments)?;
    let rows = table::rows(&figures);
    table::print(&figures, &rows)?;
    if let Some(path) = &arguments.json {
        std::fs::write(path, serde_json::to_vec_pretty(&figures)?)?;
    }
    if let Some(path) = &arguments.page {
        std::fs::write(path, page::render(&figures, &rows)?)?;
    }
    Ok(())
}

fn measure(arguments: &SuiteArguments) -> Outcome<Figures> {
    let duration = Duration::try_from_secs_f64(arguments.seconds)?;
    // Without it the figures are only less calm, which the page shows as foreign work.
    let precedence = Precedence::take().ok();
    let stopwatch = machine::Stopwatch::start()?;
    let contest = Contest::start(&arguments.program)?;
    let mut loads: Vec<_> = Scenario::ALL.map(|kind| (kind, Vec::new())).into();
    let mut raw = Vec::new();
    let mut fairness = Vec::new();
    for round in 0..arguments.rounds {
        let order = Order::of(round);
        for (kind, pairs) in &mut loads {
            pairs.push(contest.pair(order, |side| side.load(*kind, duration))?);
        }
        raw.push(raw::run(duration)?);
        fairness.push(contest.pair(order, |side| fairness::run(side.roomy.socket(), duration))?);
    }
    let resident_after_load_kib =
        contest.pair(Order::CustodianFirst, |side| resident_kib(side.roomy.pid()))?;
    let idle = (0..3)
        .map(|round| {
            contest.pair(Order::of(round), |side| {
                idle::run(side.roomy.socket(), arguments.idle_connections)
            })
        })
        .collect::<Outcome<_>>()?;
    drop(contest);
    let startup = startup::run(
        &arguments.program,
        arguments.registered_keys,
        arguments.rounds,
    )?;
    // What waits for the disk waits for threads of the kernel, which have no precedence either.
    drop(precedence);
    let audit = audit::run(&arguments.program, arguments.rounds, duration)?;
    let million = million::run(
        &arguments.program,
        arguments.many_keys,
        arguments.rounds,
        duration,
    )?;
    Ok(Figures {
        machine: Machine::read(&arguments.revision, &stopwatch)?,
        rounds: arguments.rounds,
        seconds: arguments.seconds,
        loads,
        raw,
        fairness,
        idle,
        resident_after_load_kib,
        startup,
        audit,
        million,
    })
}

/// Who is measured first, which alternates so that neither always meets the warmer machine.
#[derive(Debug, Clone, Copy)]
enum Order {
    CustodianFirst,
    BareFirst,
}

impl Order {
    const fn of(round: usize) -> Self {
        if round.is_multiple_of(2) {
            Self::CustodianFirst
        } else {
            Self::BareFirst
        }
    }
}

/// One of the two servers: with every core, and on one core alone.
#[derive(Debug)]
struct Side {
    roomy: Server,
    pinned: Server,
}

/// Both servers, running. Declared before their directories, so ended before those vanish.
#[derive(Debug)]
struct Contest {
    custodian: Side,
    bare: Side,
    _installations: [Installation; 2],
    _directories: [TempDir; 2],
}

impl Contest {
    fn start(program: &Path) -> Outcome<Self> {
        let without_audit = || Installation::new(program, Audit::Off);
        let installations = [without_audit()?, without_audit()?];
        let directories = [TempDir::new()?, TempDir::new()?];
        let [roomy, pinned] = &installations;
        let custodian = Side {
            roomy: roomy.start()?,
            pinned: on_one_core(|| pinned.start())?,
        };
        for server in [&custodian.roomy, &custodian.pinned] {
            register(server.socket(), HANDLES)?;
        }
        let [roomy, pinned] = &directories;
        let bare = Side {
            roomy: start_bare(roomy.path(), HANDLES)?,
            pinned: on_one_core(|| start_bare(pinned.path(), HANDLES))?,
        };
        Ok(Self {
            custodian,
            bare,
            _installations: installations,
            _directories: directories,
        })
    }

    fn pair<T>(&self, order: Order, one: impl Fn(&Side) -> Outcome<T>) -> Outcome<Pair<T>> {
        let (custodian, bare);
        match order {
            Order::CustodianFirst => {
                custodian = one(&self.custodian)?;
                bare = one(&self.bare)?;
            }
            Order::BareFirst => {
                bare = one(&self.bare)?;
                custodian = one(&self.custodian)?;
            }
        }
        Ok(Pair { custodian, bare })
    }
}
