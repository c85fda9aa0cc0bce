//! The configuration of `serve`: flag, else environment, else default; then plain data.

mod environment;
mod limits;
mod providers;
mod resolve;
mod text;

pub(crate) use environment::Environment;
pub(crate) use providers::Said;
pub(crate) use resolve::{named_registry, resolve};
pub(crate) use signer_module::{Setting, Source, variable};
pub(crate) use text::one_line;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use signer_domain::{DeploymentProfile, KnownProviders, ProviderName};
use signer_module::Settings;

use crate::telemetry::LogSettings;

/// Where clients look for the custodian, and the custodian serves, when nobody says otherwise.
pub(crate) const DEFAULT_SOCKET: &str = "/run/plexsphere-signer/signer.sock";

/// How this custodian runs.
#[derive(Debug)]
pub(crate) struct Config {
    /// Whether the development set-up was asked for.
    pub(crate) installation: Installation,
    /// The providers, without repetition; the first serves `generate`.
    pub(crate) providers: Setting<Vec<ProviderName>>,
    /// Their settings, in the same order.
    pub(crate) settings: Vec<Settings>,
    /// Those that a caller may name. One that is not configured has no keys.
    pub(crate) known: KnownProviders,
    /// The socket to serve on.
    pub(crate) socket: Setting<PathBuf>,
    /// The mode of the socket.
    pub(crate) socket_mode: u32,
    /// Where the probes are answered over TCP.
    pub(crate) health_listen: Option<Setting<SocketAddr>>,
    /// The URL of the registry.
    pub(crate) registry: Setting<String>,
    /// The record of who asked for what.
    pub(crate) audit_log: Setting<AuditLog>,
    /// Which scopes are served.
    pub(crate) deployment_profile: DeploymentProfile,
    /// How long both keys of a rotation are to be in use.
    pub(crate) overlap_window: Duration,
    /// Whether a signature is verified before it leaves.
    pub(crate) verification: Verification,
    /// How long a request may take.
    pub(crate) request_deadline: Duration,
    /// How many requests may be under way at once.
    pub(crate) max_in_flight: NonZeroUsize,
    /// How many bytes callers may make the process hold, where somebody said so.
    pub(crate) memory_budget: Option<usize>,
    /// How long accepted requests are still answered after a stop.
    pub(crate) drain_timeout: Duration,
    /// What is logged, and how.
    pub(crate) log: LogSettings,
}

/// What the operator set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Installation {
    /// Everything was configured one by one.
    Configured,
    /// The ready set-up for trying things out.
    Development,
}

/// Where the record of who asked for what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AuditLog {
    /// In a file beside the registry.
    BesideRegistry,
    /// In this file.
    At(PathBuf),
    /// Nowhere.
    Off,
}

/// Whether a signature is verified before it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verification {
    /// Always.
    BeforeRelease,
    /// Never; for the software provider only.
    Off,
}

#[cfg(test)]
mod tests;
