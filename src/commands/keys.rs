//! `keys`: generate, list, show, public-key, retire, block, unblock, release-quarantine.

use signer_http::wire::{GenerateRequest, KeyDocument, KeyListDocument, escaped};

use super::ask;
use super::key_table::key_table;
use super::provider::with_provider;
use super::public_key::public_key;
use crate::cli::{ClientArgs, GenerateArgs, HandleArgs, KeysCommand, ListArgs, OutputFormat};
use crate::client::{Answer, Custodian};
use crate::failure::Failure;
use crate::output;

/// The most keys that one page holds.
const PAGE: usize = 1000;

/// Runs one of the key commands.
pub(crate) fn keys(command: &KeysCommand, client: &ClientArgs) -> Result<(), Failure> {
    match command {
        KeysCommand::Generate(args) => show(client, ask(generate(args, client))?),
        KeysCommand::List(args) => list(args, client),
        KeysCommand::Show(args) => show(client, ask(find(args, client))?),
        KeysCommand::PublicKey(args) => public_key(args, client),
        KeysCommand::Retire(args) => act(args, client, "retire"),
        KeysCommand::Block(args) => act(args, client, "block"),
        KeysCommand::Unblock(args) => act(args, client, "unblock"),
        KeysCommand::ReleaseQuarantine(args) => act(args, client, "release-quarantine"),
    }
}

async fn generate(
    args: &GenerateArgs,
    client: &ClientArgs,
) -> Result<Answer<KeyDocument>, Failure> {
    let request = GenerateRequest {
        scope: args.scope,
        key_id: args.key_id.clone(),
        provider: args.provider,
    };
    let mut custodian = Custodian::reach(client).await?;
    let answer = custodian.post("/v1/keys", &request).await;
    with_provider(&mut custodian, args.provider, answer).await
}

async fn find(args: &HandleArgs, client: &ClientArgs) -> Result<Answer<KeyDocument>, Failure> {
    let mut custodian = Custodian::reach(client).await?;
    custodian
        .get(&format!("/v1/keys/{}", escaped(&args.handle)))
        .await
}

/// Has something done to a key that needs no more than its name.
fn act(args: &HandleArgs, client: &ClientArgs, action: &str) -> Result<(), Failure> {
    let path = format!("/v1/keys/{}/{action}", escaped(&args.handle));
    let answer = ask(async {
        let mut custodian = Custodian::reach(client).await?;
        custodian.post_empty(&path).await
    });
    show(client, answer?)
}

fn show(client: &ClientArgs, answer: Answer<KeyDocument>) -> Result<(), Failure> {
    match client.output {
        Some(OutputFormat::Json) => output::write_line(&answer.body),
        Some(OutputFormat::Table) | None => output::write(key_table(&[answer.document])),
    }
}

fn list(args: &ListArgs, client: &ClientArgs) -> Result<(), Failure> {
    let keys = ask(all_pages(args, client))?;
    match client.output {
        Some(OutputFormat::Json) => {
            let whole = KeyListDocument {
                keys,
                next_cursor: None,
            };
            output::write_line(serde_json::to_vec(&whole).map_err(Failure::general)?)
        }
        Some(OutputFormat::Table) | None => output::write(key_table(&keys)),
    }
}

async fn all_pages(args: &ListArgs, client: &ClientArgs) -> Result<Vec<KeyDocument>, Failure> {
    let scope = args.scope.map(|scope| format!("&scope={}", escaped(scope)));
    let state = args.state.map(|state| format!("&state={state}"));
    let (scope, state) = (scope.unwrap_or_default(), state.unwrap_or_default());
    let query = format!("/v1/keys?limit={PAGE}{scope}{state}");
    let mut custodian = Custodian::reach(client).await?;
    let mut page: KeyListDocument = custodian.get(&query).await?.document;
    let mut keys = page.keys;
    while let Some(cursor) = page.next_cursor {
        let path = format!("{query}&cursor={}", escaped(cursor));
        page = custodian.get(&path).await?.document;
        keys.append(&mut page.keys);
    }
    Ok(keys)
}
