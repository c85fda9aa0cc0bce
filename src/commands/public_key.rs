//! `keys public-key`.

use signer_http::wire::{Jwk, KeyDocument, PublicKeyDocument, escaped};

use super::ask;
use crate::cli::{ClientArgs, OutputFormat, PublicKeyArgs, PublicKeyFormat};
use crate::client::{Answer, Custodian};
use crate::failure::Failure;
use crate::openssh::openssh_line;
use crate::output;
use crate::table::Table;

/// Prints the public half of a key.
pub(super) fn public_key(args: &PublicKeyArgs, client: &ClientArgs) -> Result<(), Failure> {
    match client.output {
        Some(form) => {
            let answer = ask(fetch(args, client))?;
            show(form, &answer)
        }
        None => output::write(ask(formatted(args, client))?),
    }
}

async fn fetch(
    args: &PublicKeyArgs,
    client: &ClientArgs,
) -> Result<Answer<PublicKeyDocument>, Failure> {
    let mut custodian = Custodian::reach(client).await?;
    custodian
        .get(&format!("/v1/keys/{}/public-key", escaped(&args.handle)))
        .await
}

fn show(form: OutputFormat, answer: &Answer<PublicKeyDocument>) -> Result<(), Failure> {
    match form {
        OutputFormat::Json => output::write_line(&answer.body),
        OutputFormat::Table => {
            let key = &answer.document;
            let cached = if key.cached { "yes" } else { "no" };
            let mut table = Table::new(["HANDLE", "PUBLIC KEY", "STATE", "CACHED"]);
            table.push(vec![
                key.handle_id.to_string(),
                key.public_key.to_base64(),
                key.state.to_string(),
                cached.to_owned(),
            ]);
            output::write(table.render())
        }
    }
}

async fn formatted(args: &PublicKeyArgs, client: &ClientArgs) -> Result<Vec<u8>, Failure> {
    let path = format!("/v1/keys/{}", escaped(&args.handle));
    let mut custodian = Custodian::reach(client).await?;
    let answer: Answer<PublicKeyDocument> = custodian.get(&format!("{path}/public-key")).await?;
    let PublicKeyDocument {
        handle_id,
        public_key,
        ..
    } = answer.document;
    Ok(match args.format {
        PublicKeyFormat::Raw => public_key.as_bytes().to_vec(),
        PublicKeyFormat::Pem => public_key.to_spki_pem().into_bytes(),
        PublicKeyFormat::Jwk => {
            let jwk = Jwk::new(handle_id, &public_key);
            let mut line = serde_json::to_vec(&jwk).map_err(Failure::general)?;
            line.push(b'\n');
            line
        }
        PublicKeyFormat::Openssh => {
            // The line ends in the name of the key, which only its record tells.
            let record: Answer<KeyDocument> = custodian.get(&path).await?;
            openssh_line(&public_key, &record.document.key_id).into_bytes()
        }
    })
}
