//! `probe`: what a Kubernetes exec probe runs.

use std::time::Duration;

use hyper::Response;
use hyper::body::Bytes;

use super::ask;
use crate::cli::{ClientArgs, OutputFormat, Probe, ProbeArgs};
use crate::client::Custodian;
use crate::failure::Failure;
use crate::output;

/// A probe that takes longer has failed, whoever asks.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for one probe. Whatever is wrong, the exit status is 1.
pub(crate) fn probe(args: &ProbeArgs, client: &ClientArgs) -> Result<(), Failure> {
    let name = match args.probe {
        Probe::Livez => "livez",
        Probe::Readyz => "readyz",
    };
    let response = ask(fetch(name, client)).map_err(Failure::general)?;
    let passed = response.status().is_success();
    match client.output {
        Some(OutputFormat::Json) => output::write_line(response.body())?,
        Some(OutputFormat::Table) | None if passed => output::write_line("ok")?,
        Some(OutputFormat::Table) | None => {}
    }
    if passed {
        return Ok(());
    }
    let told = String::from_utf8_lossy(response.body());
    Err(Failure::general(format_args!("{name} fails: {told}")))
}

async fn fetch(name: &str, client: &ClientArgs) -> Result<Response<Bytes>, Failure> {
    let mut custodian = Custodian::reach_within(client, PATIENCE).await?;
    custodian.get_raw(&format!("/{name}")).await
}
