//! `pkcs11`: what a token offers, whether it can serve, and that an empty one may.

use serde::Serialize;
use signer_module::Settings;

use crate::catalogue::{Catalogue, TOKEN};
use crate::cli::{CheckArgs, InspectArgs, OutputFormat, Pkcs11Command, TypedFlags};
use crate::config::{self, Environment, Said};
use crate::failure::Failure;
use crate::hardening::harden;
use crate::output::DataOutput;
use crate::table::Table;
use crate::wiring::token::{self, CheckDocument, MechanismsDocument, TokenDocument};
use crate::wiring::{self, leave};

/// Runs one of the commands.
pub(crate) fn pkcs11(
    command: &Pkcs11Command,
    typed: &TypedFlags,
    providers: &Catalogue,
) -> Result<(), Failure> {
    let out = &DataOutput::take_over()?;
    let environment = &Environment::read(providers)?;
    let settings = &Said { typed, environment }.settings(&TOKEN)?;
    match command {
        Pkcs11Command::Mechanisms(args) => mechanisms(args, settings, out),
        Pkcs11Command::Check(args) => check(args, settings, environment, out),
        Pkcs11Command::AcceptToken => accept_token(settings, out),
    }
}

fn mechanisms(args: &InspectArgs, settings: &Settings, out: &DataOutput) -> Result<(), Failure> {
    let document = token::mechanisms(settings)?;
    show(args, out, &document, mechanism_tables)?;
    if document.missing.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format_args!(
        "the token does not offer {}, without which it makes no Ed25519 signatures; use another token",
        document.missing.join(", ")
    )))
}

fn check(
    args: &CheckArgs,
    settings: &Settings,
    environment: &Environment,
    out: &DataOutput,
) -> Result<(), Failure> {
    let CheckArgs { inspect, registry } = args;
    let registry = config::named_registry(registry.as_ref(), environment);
    harden()?;
    let retired = match registry {
        Some(registry) => super::ask(wiring::retired_keys_of_token(&registry))?,
        None => None,
    };
    let (document, verdict) = token::check(settings, retired.as_deref())?;
    show(inspect, out, &document, check_tables)?;
    Ok(verdict?)
}

fn accept_token(settings: &Settings, out: &DataOutput) -> Result<(), Failure> {
    harden()?;
    let accepting = async { Ok::<_, Failure>(token::accept(settings).await) };
    let (outcome, closed) = super::ask(accepting)?;
    let done = leave(closed, outcome.map_err(Failure::from))?;
    out.write_line(done)
}

fn show<T: Serialize>(
    args: &InspectArgs,
    out: &DataOutput,
    document: &T,
    tables: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    match args.output {
        Some(OutputFormat::Json) => {
            out.write_line(serde_json::to_vec(document).map_err(Failure::general)?)
        }
        Some(OutputFormat::Table) | None => out.write(tables(document)),
    }
}

fn mechanism_tables(document: &MechanismsDocument) -> String {
    let mut table = Table::new(["MECHANISM", "SIGN", "GENERATE PAIR", "NEEDED"]);
    let mark = |is_so: bool| if is_so { "yes" } else { "-" }.to_owned();
    for mechanism in &document.mechanisms {
        table.push(vec![
            mechanism.name.clone(),
            mark(mechanism.sign),
            mark(mechanism.generate_key_pair),
            mark(mechanism.needed),
        ]);
    }
    format!("{}\n{}", token_table(&document.token), table.render())
}

fn check_tables(document: &CheckDocument) -> String {
    let mut table = Table::new(["CHECK", "RESULT", "DETAIL"]);
    for step in &document.steps {
        let result = if step.ok { "ok" } else { "failed" };
        table.push(vec![
            step.name.to_owned(),
            result.to_owned(),
            step.detail.clone(),
        ]);
    }
    let token = document.token.as_ref().map(token_table);
    let gap = if token.is_some() { "\n" } else { "" };
    format!("{}{gap}{}", token.unwrap_or_default(), table.render())
}

fn token_table(token: &TokenDocument) -> String {
    let mut table = Table::new([
        "SLOT",
        "LABEL",
        "SERIAL",
        "MANUFACTURER",
        "MODEL",
        "SESSIONS",
        "PIN",
    ]);
    let sessions = token.most_sessions.map(|most| most.to_string());
    table.push(vec![
        token.slot.to_string(),
        token.label.clone(),
        token.serial.clone(),
        token.manufacturer.clone(),
        token.model.clone(),
        sessions.unwrap_or_else(|| "-".to_owned()),
        token.pin_warning.unwrap_or("ok").to_owned(),
    ]);
    table.render()
}
