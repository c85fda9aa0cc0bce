//! `rotations`: open, show, close.

use signer_domain::Scope;
use signer_http::wire::{CloseRotationRequest, OpenRotationRequest, RotationDocument, escaped};

use super::ask;
use super::provider::with_provider;
use crate::cli::{
    ClientArgs, CloseRotationArgs, OpenRotationArgs, OutputFormat, RotationsCommand,
    ShowRotationArgs,
};
use crate::client::{Answer, Custodian};
use crate::failure::Failure;
use crate::output;
use crate::table::Table;

/// Runs one of the rotation commands.
pub(crate) fn rotations(command: &RotationsCommand, client: &ClientArgs) -> Result<(), Failure> {
    let answer = match command {
        RotationsCommand::Open(args) => ask(open(args, client))?,
        RotationsCommand::Show(args) => ask(find(args, client))?,
        RotationsCommand::Close(args) => ask(close(args, client))?,
    };
    match client.output {
        Some(OutputFormat::Json) => output::write_line(&answer.body),
        Some(OutputFormat::Table) | None => output::write(table_of(&answer.document)),
    }
}

async fn open(
    args: &OpenRotationArgs,
    client: &ClientArgs,
) -> Result<Answer<RotationDocument>, Failure> {
    let request = OpenRotationRequest {
        new_key_id: args.new_key_id.clone(),
        provider: args.provider,
    };
    let mut custodian = Custodian::reach(client).await?;
    let answer = custodian.post(&path_in(args.scope), &request).await;
    with_provider(&mut custodian, args.provider, answer).await
}

async fn find(
    args: &ShowRotationArgs,
    client: &ClientArgs,
) -> Result<Answer<RotationDocument>, Failure> {
    let path = format!("{}/current", path_in(args.scope));
    let mut custodian = Custodian::reach(client).await?;
    custodian.get(&path).await
}

async fn close(
    args: &CloseRotationArgs,
    client: &ClientArgs,
) -> Result<Answer<RotationDocument>, Failure> {
    let request = CloseRotationRequest {
        old_key_id: args.old.clone(),
        new_key_id: args.new.clone(),
    };
    let path = format!("{}/close", path_in(args.scope));
    let mut custodian = Custodian::reach(client).await?;
    custodian.post(&path, &request).await
}

/// Where the rotations of a scope are.
fn path_in(scope: Scope) -> String {
    format!("/v1/scopes/{}/rotations", escaped(scope))
}

fn table_of(rotation: &RotationDocument) -> String {
    let head = ["SCOPE", "OLD KEY", "NEW KEY", "OPENED", "CLOSES", "CLOSED"];
    let mut table = Table::new(head);
    let closed = rotation
        .closed_at
        .map_or_else(|| "-".to_owned(), |at| format!("{at:.6}"));
    table.push(vec![
        rotation.scope.to_string(),
        rotation.old_key_id.to_string(),
        rotation.new_key_id.to_string(),
        format!("{:.6}", rotation.opened_at),
        format!("{:.6}", rotation.closes_at),
        closed,
    ]);
    table.render()
}
