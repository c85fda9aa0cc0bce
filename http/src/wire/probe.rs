//! What the probes answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use signer_domain::ports::{AuditStatus, CheckState, ProviderStatus};
use utoipa::ToSchema;

/// Whether the process is alive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LivezDocument {
    /// `ok`, or `failing` when the process should be restarted.
    pub status: LivezStatus,
    /// What an operator should know although the process is well.
    pub warnings: Vec<String>,
}

/// Whether the process is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LivezStatus {
    /// The event loop and the supervisor answer.
    Ok,
    /// The supervisor does not answer.
    Failing,
}

/// Whether the custodian can serve right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadyzDocument {
    /// The verdict over all checks.
    pub status: ReadyzStatus,
    /// The checks, one by one.
    pub checks: ReadyzChecks,
    /// What an operator should attend to although requests are served.
    pub warnings: Vec<String>,
}

/// Whether the custodian can serve right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReadyzStatus {
    /// It can.
    Ready,
    /// It cannot.
    Unready,
}

/// What readiness consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadyzChecks {
    /// Whether the registry answers.
    pub registry: CheckStatus,
    /// Whether the audit log can be written.
    pub audit: CheckStatus,
    /// Whether the path of the socket still names the socket of this process.
    pub socket: CheckStatus,
    /// Where each configured provider stands, by name.
    pub providers: BTreeMap<String, ProviderReadiness>,
}

/// The outcome of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckStatus {
    /// All is well.
    Ok,
    /// Something is wrong.
    Failing,
    /// Not in use.
    Off,
    /// On its way out: the process was asked to stop.
    Draining,
}

impl From<CheckState> for CheckStatus {
    fn from(state: CheckState) -> Self {
        match state {
            CheckState::Ok => Self::Ok,
            CheckState::Failing => Self::Failing,
        }
    }
}

impl From<AuditStatus> for CheckStatus {
    fn from(status: AuditStatus) -> Self {
        match status {
            AuditStatus::Kept(state) => state.into(),
            AuditStatus::Off => Self::Off,
        }
    }
}

/// Where a provider stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderReadiness {
    /// It is being opened and checked for the first time.
    Starting,
    /// It serves.
    Ready,
    /// It failed and is being restarted, or waits for its next try.
    Down,
}

impl From<ProviderStatus> for ProviderReadiness {
    fn from(status: ProviderStatus) -> Self {
        match status {
            ProviderStatus::Starting => Self::Starting,
            ProviderStatus::Ready => Self::Ready,
            ProviderStatus::Down => Self::Down,
        }
    }
}
