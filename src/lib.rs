//! The program `plexsphere-signer`: command line, configuration, and the composition root.
//!
//! Only `wiring` names adapters. Everything else knows ports, settings and words.

mod catalogue;
mod cli;
mod client;
mod commands;
mod composition;
mod config;
mod dev;
mod exit;
mod failure;
mod hardening;
mod hash_file;
mod openssh;
mod output;
mod place;
mod places;
mod public_key_file;
mod serve;
mod stream;
mod table;
mod telemetry;
mod wiring;

pub use catalogue::{Catalogue, PROVIDERS};
pub use composition::Composition;
pub use wiring::Around;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use tikv_jemallocator::Jemalloc;

use cli::{Cli, Command};
use exit::Exit;
use failure::Failure;

/// Gives memory back to the kernel once callers do not take it up any more. That of the C library keeps
/// what lies between pieces still in use: after a crowd has left, several times what the process needs.
/// It serves the C code of the process as well, for which that of the C library would reserve 64 MiB of
/// address space a thread.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Runs the command line and tells how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>, composition: Composition<'_>) -> ExitCode {
    let parsed = parse(args, composition.providers);
    match parsed.and_then(|cli| cli.map_or(Ok(()), |cli| dispatch(&cli, composition))) {
        Ok(()) => {
            telemetry::flush();
            Exit::Ok.into()
        }
        Err(failure) => {
            output::say(&failure);
            failure.exit().into()
        }
    }
}

/// Reads the command line; `None` when it asked for help or the version, which are shown.
fn parse(
    args: impl IntoIterator<Item = OsString>,
    providers: &Catalogue,
) -> Result<Option<Cli>, Failure> {
    match Cli::read(args, providers) {
        Ok(cli) => Ok(Some(cli)),
        Err(shown) => match shown.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                stream::require_output()?;
                output::write(shown.to_string()).map(|()| None)
            }
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                output::say_help(&shown);
                Err(Failure::usage("a command is missing"))
            }
            _ => Err(Failure::usage(cli::explain(&shown))),
        },
    }
}

fn dispatch(cli: &Cli, composition: Composition<'_>) -> Result<(), Failure> {
    let providers = composition.providers;
    let client = match cli.command.client_args() {
        Some(behind) => behind.or(&cli.client),
        None => match cli.client.first_given() {
            None => cli.client.clone(),
            Some(flag) => {
                return Err(Failure::usage(format_args!(
                    "{flag} before a command is for commands that ask a custodian; leave it out"
                )));
            }
        },
    };
    // Before the custodian is asked for what would be lost.
    if cli.command.is_for_its_output() {
        stream::require_output()?;
    }
    match &cli.command {
        Command::Serve(args) => serve::serve(args, &cli.typed, composition),
        Command::Keys(command) => commands::keys(command, &client),
        Command::Rotations(command) => commands::rotations(command, &client),
        Command::Sign(args) => commands::sign(args, &client),
        Command::Verify(args) => commands::verify(args),
        Command::Pkcs11(command) => commands::pkcs11(command, &cli.typed, providers),
        Command::Audit(command) => commands::audit(command),
        Command::Probe(args) => commands::probe(args, &client),
        Command::Openapi => commands::openapi(providers),
        Command::Completion { shell } => commands::completion(*shell, providers),
        Command::Reference { which } => commands::reference(*which, providers),
    }
}
