//! Measures plexsphere-signer against a bare server that does the same cryptography inline, so that
//! every figure is a ratio taken on one machine within one run.

mod audit;
mod bare;
mod fairness;
mod idle;
mod installation;
mod keys;
mod load;
mod million;
mod precedence;
mod process;
mod raw;
mod startup;
mod stats;
mod suite;
mod wire;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use serde::Serialize;

/// What a measurement yields, or why it could not be taken.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Measures plexsphere-signer.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve with the same cryptography and nothing around it.
    Bare {
        /// Where to listen.
        #[arg(long)]
        socket: PathBuf,
        /// How many keys to hold.
        #[arg(long, default_value_t = 8)]
        keys: u32,
    },
    /// Load a server and print what it answered.
    Load {
        /// Where the server listens.
        #[arg(long)]
        socket: PathBuf,
        /// How many connections to keep busy.
        #[arg(long, default_value_t = 32)]
        connections: usize,
        /// How many handles take turns; 1 makes one handle hot.
        #[arg(long, default_value_t = 8)]
        handles: u32,
        /// Signatures a request; above 1 the batch call is used.
        #[arg(long, default_value_t = 1)]
        batch: usize,
        /// Seconds to measure.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
        /// The server's process, to count its processor time.
        #[arg(long)]
        server: Option<u32>,
        /// Let the load generator use only core 0.
        #[arg(long)]
        pin: bool,
    },
    /// Flood one handle and watch another.
    Fairness {
        /// Where the server listens.
        #[arg(long)]
        socket: PathBuf,
        /// Seconds to measure.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
    },
    /// Hold idle connections and time new ones.
    Idle {
        /// Where the server listens.
        #[arg(long)]
        socket: PathBuf,
        /// How many to hold.
        #[arg(long, default_value_t = 10_000)]
        connections: usize,
    },
    /// Time the custodian's start and weigh it.
    Startup {
        /// The custodian's binary.
        #[arg(long)]
        program: PathBuf,
        /// How many keys to register first.
        #[arg(long, default_value_t = 10_000)]
        keys: u32,
        /// How many starts.
        #[arg(long, default_value_t = 9)]
        runs: usize,
    },
    /// Compare the custodian that records its requests with one that does not.
    Audit {
        /// The custodian's binary.
        #[arg(long)]
        program: PathBuf,
        /// How often they take turns.
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// Seconds of each single measurement.
        #[arg(long, default_value_t = 1.0)]
        seconds: f64,
    },
    /// Compare the custodian with the bare server in every respect.
    Suite(suite::SuiteArguments),
    /// Sign and verify in a loop on every core.
    Raw {
        /// Seconds to measure.
        #[arg(long, default_value_t = 2.0)]
        seconds: f64,
    },
}

fn main() -> Outcome<()> {
    match Arguments::parse().command {
        Command::Bare { socket, keys } => bare::serve(&socket, keys),
        Command::Load {
            socket,
            connections,
            handles,
            batch,
            seconds,
            server,
            pin,
        } => {
            let requests = if batch > 1 {
                load::RequestSet::batches(&socket, 0..handles, batch)?
            } else {
                load::RequestSet::singles(&socket, 0..handles)?
            };
            let plan = load::Plan {
                socket,
                connections,
                warm_up: Duration::from_millis(200),
                duration: Duration::try_from_secs_f64(seconds)?,
                server,
            };
            let measure = || load::run(&plan, &requests);
            let report = if pin {
                process::on_one_core(measure)
            } else {
                measure()
            };
            print(&report?)
        }
        Command::Fairness { socket, seconds } => print(&fairness::run(
            &socket,
            Duration::try_from_secs_f64(seconds)?,
        )?),
        Command::Idle {
            socket,
            connections,
        } => print(&idle::run(&socket, connections)?),
        Command::Startup {
            program,
            keys,
            runs,
        } => print(&startup::run(&program, keys, runs)?),
        Command::Audit {
            program,
            rounds,
            seconds,
        } => print(&audit::run(
            &program,
            rounds,
            Duration::try_from_secs_f64(seconds)?,
        )?),
        Command::Suite(arguments) => suite::run(&arguments),
        Command::Raw { seconds } => print(&raw::run(Duration::try_from_secs_f64(seconds)?)?),
    }
}

fn print(report: &impl Serialize) -> Outcome<()> {
    let text = serde_json::to_string_pretty(report)?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
