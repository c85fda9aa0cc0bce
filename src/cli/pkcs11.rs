//! `pkcs11`. Which token is said by the flags of its provider.

use clap::{Args, Subcommand};

use super::client_args::OutputFormat;

/// `pkcs11`.
#[derive(Debug, Subcommand)]
pub(crate) enum Pkcs11Command {
    /// List what the token offers, and what it must offer. Asks for no PIN.
    Mechanisms(InspectArgs),
    /// Check step by step whether the token can serve: the first step that fails says why. Logs in
    /// once and changes nothing. With a registry, also whether the token can still use a retired key:
    /// exit status 7.
    Check(CheckArgs),
    /// Take an empty token into use in the place of one whose keys the registry knows: makes the sentinel.
    /// Those keys stay lost.
    AcceptToken,
}

/// `pkcs11 check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) inspect: InspectArgs,
    /// The registry to hold the token against; it is only read, also while a custodian has it open
    /// [env: PLEXSPHERE_SIGNER_REGISTRY]
    #[arg(long, value_name = "URL")]
    pub(crate) registry: Option<String>,
}

/// What `pkcs11 mechanisms` and `pkcs11 check` take.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// How to show what was found
    #[arg(short, long, value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<OutputFormat>,
}
