//! `audit`: reading and checking the record of who asked for what.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OutputFormat;

/// What to do with an audit log. None of these asks a custodian.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Verify a log: every entry, in its order, up to its last checkpoint. Exit status 7 names the
    /// first bad entry.
    Verify(AuditVerifyArgs),
    /// Show the last entries.
    Tail(AuditTailArgs),
    /// Find signatures that were seen elsewhere and that the log does not hold. Exit status 7 when
    /// there are any.
    Reconcile(AuditReconcileArgs),
    /// Accept the registry as it stands, although the log speaks of a newer or another one. Stop the
    /// custodian first.
    AcceptRegistry(AcceptRegistryArgs),
    /// Accept a log that ends before its last checkpoint, or that lacks what a custodian that died had
    /// written in it. Stop the custodian first.
    AcceptCut(AcceptCutArgs),
}

/// Which checkpoints a log is compared with.
#[derive(Debug, Args)]
pub(crate) struct CheckpointArgs {
    /// The checkpoints to compare with [default: those beside the last log file]
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,
    /// The verifier key of the checkpoints, or a file that holds it [default: the file beside the
    /// checkpoints]
    #[arg(long, value_name = "VKEY|FILE", allow_hyphen_values = true)]
    pub(crate) checkpoint_key: Option<String>,
    /// Compare with no checkpoint. A log that was rewritten as a whole passes then
    #[arg(long, conflicts_with_all = ["checkpoint", "checkpoint_key"])]
    pub(crate) no_checkpoint: bool,
}

/// `audit verify`.
#[derive(Debug, Args)]
pub(crate) struct AuditVerifyArgs {
    /// The files of the log, oldest first
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) checkpoints: CheckpointArgs,
    /// How to show the verdict [default: a sentence]
    #[arg(short, long, value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<OutputFormat>,
}

/// `audit tail`.
#[derive(Debug, Args)]
pub(crate) struct AuditTailArgs {
    /// The log
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How many entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    pub(crate) lines: usize,
    /// Go on with what is added, also after the log was rotated
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How to show an entry
    #[arg(short, long, value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<OutputFormat>,
}

/// `audit reconcile`.
#[derive(Debug, Args)]
pub(crate) struct AuditReconcileArgs {
    /// The signatures that were seen, one a line: the signature in base64, or its SHA-256 in
    /// hexadecimal; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The files of the log, oldest first
    #[arg(long = "log", required = true, num_args = 1.., value_name = "FILE")]
    pub(crate) logs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) checkpoints: CheckpointArgs,
}

/// `audit accept-registry`.
#[derive(Debug, Args)]
pub(crate) struct AcceptRegistryArgs {
    /// The log
    #[arg(long, value_name = "PATH")]
    pub(crate) audit_log: PathBuf,
    /// The registry to accept
    #[arg(long, value_name = "URL")]
    pub(crate) registry: String,
}

/// `audit accept-cut`.
#[derive(Debug, Args)]
pub(crate) struct AcceptCutArgs {
    /// The log
    #[arg(long, value_name = "PATH")]
    pub(crate) audit_log: PathBuf,
}
