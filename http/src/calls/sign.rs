//! Signing, one digest or many.

use actix_http::StatusCode;
use signer_domain::Deadline;
use signer_domain::ports::{Custody, SignRequest, SignTarget};

use super::{parse_handle, parse_scope};
use crate::answer::Answer;
use crate::body;
use crate::refusal::Refusal;
use crate::request_id::RequestId;
use crate::wire::{self, BatchDocument, BatchRequest, BatchResult, Problem, SignDocument};

pub(crate) async fn with_handle(
    custody: &dyn Custody,
    handle: &str,
    body: &[u8],
    deadline: Deadline,
) -> Result<Answer, Refusal> {
    let target = SignTarget::Handle(parse_handle(handle)?);
    sign(custody, target, body, deadline).await
}

pub(crate) async fn with_scope(
    custody: &dyn Custody,
    scope: &str,
    body: &[u8],
    deadline: Deadline,
) -> Result<Answer, Refusal> {
    let target = SignTarget::Scope(parse_scope(scope)?);
    sign(custody, target, body, deadline).await
}

async fn sign(
    custody: &dyn Custody,
    target: SignTarget,
    body: &[u8],
    deadline: Deadline,
) -> Result<Answer, Refusal> {
    let wire::SignRequest { digest } = body::parse(body)?;
    let signed = custody
        .sign(SignRequest { target, digest }, deadline)
        .await?;
    Ok(Answer::json(StatusCode::OK, &SignDocument::from(signed)))
}

pub(crate) async fn batch(
    custody: &dyn Custody,
    body: &[u8],
    request_id: &RequestId,
    deadline: Deadline,
) -> Result<Answer, Refusal> {
    let BatchRequest { items } = body::parse(body)?;
    let (requests, references): (Vec<_>, Vec<_>) = items
        .into_iter()
        .map(|item| (item.request, item.reference))
        .unzip();
    let outcomes = custody.sign_batch(requests, deadline).await?;
    if outcomes.len() != references.len() {
        tracing::error!(request_id = request_id.as_str(), "batch answered in part");
        return Err(Refusal::internal());
    }
    let results = references.into_iter().zip(outcomes);
    let results = results.map(|(reference, outcome)| match outcome {
        Ok(signed) => BatchResult::Signed {
            reference,
            handle_id: signed.handle_id,
            scope: signed.scope,
            key_id: signed.key_id,
            signature: signed.signature,
        },
        Err(error) => {
            let Refusal { code, detail, .. } = error.into();
            BatchResult::Refused {
                reference,
                error: Problem::new(code, detail, request_id.as_str()),
            }
        }
    });
    let document = BatchDocument {
        results: results.collect(),
    };
    Ok(Answer::json(StatusCode::OK, &document))
}
