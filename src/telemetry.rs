//! Log lines on standard error: one JSON object a line, or text for people.

mod log_queue;
mod panic_hook;

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry as Metrics;
use tracing::{Level, Subscriber};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::catalogue::{Catalogue, faces};
use crate::failure::Failure;
use crate::stream::{never_block_outputs, write_within};
use log_queue::LogQueue;

/// How long the end of the process waits for the last log lines to be read.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How the names of the crates begin whose lines the chosen level governs; others are heard from warnings upwards.
const OWN_TARGETS: [&str; 2] = ["plexsphere_signer", "signer_"];

/// The HTTP parser logs an error for each request it cannot read, so anybody who may connect could
/// fill the log: it is heard only by who looks for detail.
const PARSER_TARGET: &str = "actix_http";

/// What is logged, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) level: LogLevel,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One JSON object a line, for collectors.
    Json,
    /// Text, for people.
    Text,
}

impl LogFormat {
    /// Text for a person at a terminal, JSON for everything else.
    pub(crate) fn of_standard_error() -> Self {
        if io::stderr().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err("must be one of json, text"),
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
        }
    }
}

/// The least severity that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        [
            Self::Error,
            Self::Warn,
            Self::Info,
            Self::Debug,
            Self::Trace,
        ]
        .into_iter()
        .find(|level| level.as_str() == text)
        .ok_or("must be one of error, warn, info, debug, trace")
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    const fn filter(self) -> LevelFilter {
        LevelFilter::from_level(match self {
            Self::Error => Level::ERROR,
            Self::Warn => Level::WARN,
            Self::Info => Level::INFO,
            Self::Debug => Level::DEBUG,
            Self::Trace => Level::TRACE,
        })
    }
}

fn parser_level(level: LevelFilter) -> LevelFilter {
    if level >= LevelFilter::DEBUG {
        LevelFilter::WARN
    } else {
        LevelFilter::OFF
    }
}

/// The log of this process. Whoever logs never waits for it: see [`LogQueue`].
#[derive(Debug, Clone)]
pub(crate) struct Log(Arc<LogQueue>);

impl Log {
    /// Adds the metrics of the log.
    pub(crate) fn register(&self, metrics: &mut Metrics) {
        metrics.register(
            "plexsphere_signer_log_lines_dropped",
            "Log lines dropped because standard error was not read in time, or not writable",
            self.0.dropped(),
        );
    }
}

/// Lets the subscriber, which is all that the end of the process can find, lead to the log.
impl<S: Subscriber> tracing_subscriber::Layer<S> for Log {}

/// Sends every log line of this process to standard error, panics included. Nothing waits until
/// somebody reads them.
///
/// # Errors
/// When there can be no further thread, or the process has a subscriber already.
pub(crate) fn start(settings: LogSettings, providers: &Catalogue) -> Result<Log, Failure> {
    never_block_outputs();
    let stderr = |line: &[u8]| write_within(io::stderr().as_fd(), line, None);
    let queue = LogQueue::start(stderr).map_err(|cause| {
        Failure::general(format_args!(
            "no thread for the log can be started ({cause}); raise the limit on processes and \
             threads (ulimit -u, TasksMax=, pids.max)"
        ))
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(Arc::clone(&queue))
        .log_internal_errors(false);
    let lines = match settings.format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
    };
    let level = settings.level.filter();
    // Whichever are configured: nothing of these is worth a credential in the log.
    let silenced = faces(providers).flat_map(|face| face.silenced);
    let filter = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target(PARSER_TARGET, parser_level(level))
        .with_targets(silenced.map(|target| (*target, LevelFilter::OFF)))
        .with_targets(OWN_TARGETS.map(|target| (target, level)));
    let log = Log(queue);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(log.clone().with_filter(LevelFilter::OFF))
        .try_init()
        .map_err(Failure::general)?;
    panic_hook::install();
    Ok(log)
}

/// Waits until what was logged is written, but no longer than a moment. For the end of the process.
pub(crate) fn flush() {
    tracing::dispatcher::get_default(|subscriber| {
        if let Some(Log(queue)) = subscriber.downcast_ref() {
            queue.flush(LAST_LINES);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_reads_back_as_itself() {
        for name in ["error", "warn", "info", "debug", "trace"] {
            assert_eq!(LogLevel::parse(name).map(LogLevel::as_str), Ok(name));
        }
        LogLevel::parse("INFO").unwrap_err();
    }

    #[test]
    fn every_format_reads_back_as_itself() {
        for name in ["json", "text"] {
            assert_eq!(LogFormat::parse(name).map(LogFormat::as_str), Ok(name));
        }
        LogFormat::parse("logfmt").unwrap_err();
    }
}
