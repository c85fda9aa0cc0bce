//! `sign`.

use signer_domain::Digest;
use signer_http::wire::{SignDocument, SignRequest, escaped};

use super::ask;
use crate::cli::{ClientArgs, OutputFormat, SignArgs};
use crate::client::{Answer, Custodian};
use crate::failure::Failure;
use crate::hash_file::hash_file;
use crate::output;
use crate::table::Table;

/// Hashes the file here, has the digest signed, and prints the signature.
pub(crate) fn sign(args: &SignArgs, client: &ClientArgs) -> Result<(), Failure> {
    let path = call_path(args)?;
    let digest = hash_file(&args.file)?;
    let answer = ask(sign_digest(&path, digest, client))?;
    match client.output {
        None => output::write_line(answer.document.signature.to_base64()),
        Some(OutputFormat::Json) => output::write_line(&answer.body),
        Some(OutputFormat::Table) => {
            let signed = answer.document;
            let mut table = Table::new(["HANDLE", "SIGNATURE"]);
            table.push(vec![
                signed.handle_id.to_string(),
                signed.signature.to_base64(),
            ]);
            output::write(table.render())
        }
    }
}

fn call_path(args: &SignArgs) -> Result<String, Failure> {
    match (&args.target.handle, &args.target.scope) {
        (Some(handle), None) => Ok(format!("/v1/keys/{}/sign", escaped(handle))),
        (None, Some(scope)) => Ok(format!("/v1/scopes/{}/sign", escaped(scope))),
        (Some(_), Some(_)) | (None, None) => Err(Failure::usage(
            "exactly one of --handle and --scope names the key",
        )),
    }
}

async fn sign_digest(
    path: &str,
    digest: Digest,
    client: &ClientArgs,
) -> Result<Answer<SignDocument>, Failure> {
    let mut custodian = Custodian::reach(client).await?;
    custodian.post(path, &SignRequest { digest }).await
}
