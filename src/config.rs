//! The configuration of `serve`: flag, else environment, else default; then plain data.

mod aws;
mod azure;
mod environment;
mod gcp;
mod limits;
pub(crate) mod pkcs11;
mod resolve;
mod setting;
mod text;

pub(crate) use aws::AwsConfig;
pub(crate) use azure::AzureConfig;
pub(crate) use environment::Environment;
pub(crate) use gcp::GcpConfig;
pub(crate) use pkcs11::{PinSource, Pkcs11Config, TypedPin};
pub(crate) use resolve::{named_registry, resolve};
pub(crate) use setting::{Setting, Source, variable};
pub(crate) use text::one_line;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use signer_domain::{DeploymentProfile, ProviderName};

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
    /// The seed of the software provider; there whenever that provider is configured.
    pub(crate) software_seed_file: Option<Setting<PathBuf>>,
    /// The token of the PKCS#11 provider.
    pub(crate) pkcs11: Pkcs11Config,
    /// How AWS KMS is used.
    pub(crate) aws: AwsConfig,
    /// The key ring of the provider of Google Cloud KMS.
    pub(crate) gcp: GcpConfig,
    /// The vault of the provider of Azure Key Vault.
    pub(crate) azure: AzureConfig,
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
