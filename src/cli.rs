//! The command line: what can be typed, and nothing of what it does.
#![expect(
    clippy::doc_markdown,
    reason = "the doc comments are what --help prints, where no markdown is rendered"
)]

mod audit;
mod client_args;
mod keys;
mod pkcs11;
mod provider_flags;
mod rotations;
mod serve;
mod shell;
mod sign;
mod usage;
mod verify;

pub(crate) use audit::{
    AcceptCutArgs, AcceptRegistryArgs, AuditCommand, AuditReconcileArgs, AuditTailArgs,
    AuditVerifyArgs, CheckpointArgs,
};
pub(crate) use client_args::{ClientArgs, OutputFormat};
pub(crate) use keys::{
    GenerateArgs, HandleArgs, KeysCommand, ListArgs, PublicKeyArgs, PublicKeyFormat,
};
pub(crate) use pkcs11::{CheckArgs, InspectArgs, Pkcs11Command};
pub(crate) use provider_flags::{TypedFlags, completable, definition};
pub(crate) use rotations::{
    CloseRotationArgs, OpenRotationArgs, RotationsCommand, ShowRotationArgs,
};
pub(crate) use serve::ServeArgs;
pub(crate) use shell::Shell;
pub(crate) use sign::SignArgs;
pub(crate) use usage::explain;
pub(crate) use verify::VerifyArgs;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The one process that touches Ed25519 private keys.
///
/// It generates keys, signs SHA-512 digests, shows public keys and retires keys, over a Unix socket.
/// Data goes to standard output, messages go to standard error.
#[derive(Debug, Parser)]
#[command(
    name = "plexsphere-signer",
    bin_name = "plexsphere-signer",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = EXIT_STATUS
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What was typed of the providers' flags.
    #[arg(skip)]
    pub(crate) typed: TypedFlags,
}

const EXIT_STATUS: &str = "\
Exit status: 0 ok, 1 general failure, 2 usage or invalid input, 3 not found, 4 conflict,
5 denied, 6 unavailable (try again), 7 integrity failure, 8 key retired; 70 serve is to be
started again, for an HSM is stuck under a call that does not return.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the custodian.
    Serve(Box<ServeArgs>),
    /// Generate, list, show and retire keys.
    #[command(subcommand, arg_required_else_help = true)]
    Keys(KeysCommand),
    /// Open, show and close rotations of a scope's current key.
    #[command(subcommand, arg_required_else_help = true)]
    Rotations(RotationsCommand),
    /// Sign a file: its SHA-512 digest is computed here, and only the digest travels.
    Sign(SignArgs),
    /// Verify a signature over the SHA-512 digest of a file, offline.
    Verify(VerifyArgs),
    /// See what a PKCS#11 token offers, and whether it can serve.
    #[command(subcommand, arg_required_else_help = true)]
    Pkcs11(Pkcs11Command),
    /// Verify, show and reconcile the audit log, offline.
    #[command(subcommand, arg_required_else_help = true)]
    Audit(AuditCommand),
    /// Ask for a probe, as a Kubernetes exec probe does: exit status 0 or 1.
    Probe(ProbeArgs),
    /// Print the OpenAPI 3.1 document.
    Openapi,
    /// Print the completion script of a shell.
    Completion {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Print a part of the documentation.
    #[command(hide = true)]
    Reference {
        /// Which part.
        #[arg(value_enum)]
        which: Reference,
    },
}

/// The parts of the documentation that come out of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Reference {
    /// The table of providers
    Providers,
    /// The settings of serve
    Settings,
}

impl Command {
    /// The flags of a client command that were written behind it; `None` when it asks no server.
    pub(crate) const fn client_args(&self) -> Option<&ClientArgs> {
        match self {
            Self::Keys(command) => Some(command.client_args()),
            Self::Rotations(command) => Some(command.client_args()),
            Self::Sign(args) => Some(&args.client),
            Self::Probe(args) => Some(&args.client),
            Self::Serve(_)
            | Self::Verify(_)
            | Self::Pkcs11(_)
            | Self::Audit(_)
            | Self::Openapi
            | Self::Completion { .. }
            | Self::Reference { .. } => None,
        }
    }

    /// Whether what it prints is all that is asked for. The custodian prints nothing, and a probe, a check
    /// or a change answers by its exit status: a script may well throw away what is printed besides.
    pub(crate) const fn is_for_its_output(&self) -> bool {
        match self {
            Self::Sign(_)
            | Self::Openapi
            | Self::Completion { .. }
            | Self::Reference { .. }
            | Self::Keys(KeysCommand::List(_) | KeysCommand::Show(_) | KeysCommand::PublicKey(_))
            | Self::Rotations(RotationsCommand::Show(_))
            | Self::Audit(AuditCommand::Tail(_) | AuditCommand::Reconcile(_))
            | Self::Pkcs11(Pkcs11Command::Mechanisms(_)) => true,
            Self::Serve(_)
            | Self::Probe(_)
            | Self::Verify(_)
            | Self::Keys(_)
            | Self::Rotations(_)
            | Self::Audit(_)
            | Self::Pkcs11(_) => false,
        }
    }
}

/// `probe`.
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// Which probe.
    #[arg(value_enum)]
    pub(crate) probe: Probe,
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// The probes a custodian answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Probe {
    /// Whether the process is alive.
    Livez,
    /// Whether it can serve.
    Readyz,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::PROVIDERS;

    #[test]
    fn client_flags_may_stand_before_or_behind_the_command() {
        for line in [
            ["x", "--socket", "s", "keys", "list"],
            ["x", "keys", "list", "--socket", "s"],
        ] {
            let cli = Cli::read(line, &PROVIDERS).unwrap();
            let behind = cli.command.client_args().unwrap();
            let merged = behind.or(&cli.client);
            assert_eq!(merged.socket, Some("s".into()));
        }
    }
}
