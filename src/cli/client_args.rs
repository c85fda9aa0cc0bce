//! The flags that every command which asks a running custodian takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Where the custodian is, and how to show its answer.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Client options")]
pub(crate) struct ClientArgs {
    /// The socket of the custodian [env: PLEXSPHERE_SIGNER_SOCKET] [default:
    /// /run/plexsphere-signer/signer.sock]
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// How to show the answer
    #[arg(short, long, value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<OutputFormat>,
}

impl ClientArgs {
    /// These flags, and what they leave open from `others`.
    pub(crate) fn or(&self, others: &Self) -> Self {
        Self {
            socket: self.socket.clone().or_else(|| others.socket.clone()),
            output: self.output.or(others.output),
        }
    }

    /// The flag that was given, if any: for commands that must not swallow it.
    pub(crate) const fn first_given(&self) -> Option<&'static str> {
        match (&self.socket, self.output) {
            (Some(_), _) => Some("--socket"),
            (None, Some(_)) => Some("--output"),
            (None, None) => None,
        }
    }
}

/// How to show an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// The document as the custodian sent it
    Json,
    /// Aligned columns
    Table,
}
