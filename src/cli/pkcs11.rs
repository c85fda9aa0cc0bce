//! `pkcs11`, and the flags that name a PKCS#11 token, to it and to `serve`.

use clap::{Args, Subcommand};

use super::client_args::OutputFormat;
use crate::config::TypedPin;

/// Which token, and how to open it.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "PKCS#11 options")]
pub(crate) struct Pkcs11Args {
    /// The vendor's module, an absolute path [env: PLEXSPHERE_SIGNER_PKCS11_MODULE]
    #[arg(id = "pkcs11_module", long = "pkcs11-module", value_name = "PATH")]
    pub(crate) module: Option<String>,
    /// The token: the number of its slot, label:NAME or serial:NUMBER [env:
    /// PLEXSPHERE_SIGNER_PKCS11_SLOT]
    #[arg(id = "pkcs11_slot", long = "pkcs11-slot", value_name = "SLOT")]
    pub(crate) slot: Option<String>,
    /// The file that holds the PIN, not readable by others [env: PLEXSPHERE_SIGNER_PKCS11_PIN_FILE]
    #[arg(
        id = "pkcs11_pin_file",
        long = "pkcs11-pin-file",
        value_name = "PATH",
        conflicts_with = "pkcs11_pin"
    )]
    pub(crate) pin_file: Option<String>,
    /// The PIN, for development only: everybody on the machine can read a command line [env:
    /// PLEXSPHERE_SIGNER_PKCS11_PIN]
    #[arg(id = "pkcs11_pin", long = "pkcs11-pin", value_name = "PIN")]
    pub(crate) pin: Option<TypedPin>,
    /// What opens the label of every key [env: PLEXSPHERE_SIGNER_PKCS11_LABEL] [default: plexsphere]
    #[arg(id = "pkcs11_label", long = "pkcs11-label", value_name = "PREFIX")]
    pub(crate) label: Option<String>,
    /// The most bytes of a label; a longer one is hashed [env: PLEXSPHERE_SIGNER_PKCS11_LABEL_MAX]
    /// [default: 255]
    #[arg(id = "pkcs11_label_max", long = "pkcs11-label-max", value_name = "N")]
    pub(crate) label_max: Option<String>,
    /// How the vendor wants the curve named: oid, name or hex:DER [env:
    /// PLEXSPHERE_SIGNER_PKCS11_EC_PARAMS] [default: oid]
    #[arg(
        id = "pkcs11_ec_params",
        long = "pkcs11-ec-params",
        value_name = "FORM"
    )]
    pub(crate) ec_params: Option<String>,
    /// How many sessions sign at once [env: PLEXSPHERE_SIGNER_PKCS11_SESSIONS] [default: one for each
    /// processor, 8 at the most]
    #[arg(id = "pkcs11_sessions", long = "pkcs11-sessions", value_name = "N")]
    pub(crate) sessions: Option<String>,
    /// How long a session may be inside of the module for one signature before its thread is left to
    /// itself and another takes its place [env: PLEXSPHERE_SIGNER_PKCS11_CALL_TIMEOUT] [default: 1s]
    #[arg(
        id = "pkcs11_call_timeout",
        long = "pkcs11-call-timeout",
        value_name = "DURATION"
    )]
    pub(crate) call_timeout: Option<String>,
}

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
    AcceptToken(AcceptTokenArgs),
}

/// `pkcs11 accept-token`.
#[derive(Debug, Args)]
pub(crate) struct AcceptTokenArgs {
    #[command(flatten)]
    pub(crate) token: Pkcs11Args,
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
    #[command(flatten)]
    pub(crate) token: Pkcs11Args,
    /// How to show what was found
    #[arg(short, long, value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<OutputFormat>,
}
