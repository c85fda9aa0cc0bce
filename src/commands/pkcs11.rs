//! `pkcs11`: what a token offers, whether it can serve, and that an empty one may.

use serde::Serialize;

use crate::cli::{
    AcceptTokenArgs, CheckArgs, InspectArgs, OutputFormat, Pkcs11Args, Pkcs11Command,
};
use crate::config::{self, Environment, Pkcs11Config};
use crate::failure::Failure;
use crate::hardening::harden;
use crate::output::DataOutput;
use crate::table::Table;
use crate::wiring::{
    self, CheckDocument, MechanismsDocument, TokenDocument, check_token, mechanisms_of_token,
};

/// Runs one of the commands.
pub(crate) fn pkcs11(command: &Pkcs11Command) -> Result<(), Failure> {
    let out = &DataOutput::take_over()?;
    match command {
        Pkcs11Command::Mechanisms(args) => mechanisms(args, out),
        Pkcs11Command::Check(args) => check(args, out),
        Pkcs11Command::AcceptToken(args) => accept_token(args, out),
    }
}

fn mechanisms(args: &InspectArgs, out: &DataOutput) -> Result<(), Failure> {
    let document = mechanisms_of_token(&configured(&args.token)?)?;
    show(args, out, &document, mechanism_tables)?;
    if document.missing.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format_args!(
        "the token does not offer {}, without which it makes no Ed25519 signatures; use another token",
        document.missing.join(", ")
    )))
}

fn check(args: &CheckArgs, out: &DataOutput) -> Result<(), Failure> {
    let CheckArgs { inspect, registry } = args;
    let environment = Environment::read()?;
    let config = Pkcs11Config::resolve(&inspect.token, &environment)?;
    let registry = config::named_registry(registry.as_ref(), &environment);
    harden()?;
    let retired = match registry {
        Some(registry) => super::ask(wiring::retired_keys_of_token(&registry))?,
        None => None,
    };
    let (document, verdict) = check_token(&config, retired.as_deref())?;
    show(inspect, out, &document, check_tables)?;
    verdict
}

fn accept_token(args: &AcceptTokenArgs, out: &DataOutput) -> Result<(), Failure> {
    let config = configured(&args.token)?;
    harden()?;
    let done = super::ask(wiring::accept_token(&config))?;
    out.write_line(done)
}

fn configured(token: &Pkcs11Args) -> Result<Pkcs11Config, Failure> {
    Pkcs11Config::resolve(token, &Environment::read()?)
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
