//! Signing, one digest or many.

use actix_http::StatusCode;
use signer_domain::ports::{SignRequest, SignTarget};

use super::Task;
use crate::answer::Answer;
use crate::refusal::Refusal;
use crate::segment::parse_scope;
use crate::wire::{self, BatchDocument, BatchRequest, BatchResult, Problem, SignDocument};

pub(crate) async fn with_handle(task: Task<'_>, handle: &str) -> Result<Answer, Refusal> {
    let target = SignTarget::Handle(task.handle(handle)?);
    sign(task, target).await
}

pub(crate) async fn with_scope(task: Task<'_>, scope: &str) -> Result<Answer, Refusal> {
    let target = SignTarget::Scope(parse_scope(scope)?);
    sign(task, target).await
}

async fn sign(task: Task<'_>, target: SignTarget) -> Result<Answer, Refusal> {
    let wire::SignRequest { digest } = task.document()?;
    task.subject.learn(|facts| facts.digest = Some(digest));
    let request = SignRequest { target, digest };
    let signed = task.custody.sign(request, task.deadline).await?;
    task.subject.learn(|facts| facts.note_signed(&signed));
    let hold = signed.hold.clone();
    let answer = Answer::json(StatusCode::OK, &SignDocument::from(signed));
    Ok(answer.holding(vec![hold]))
}

pub(crate) async fn batch(task: Task<'_>) -> Result<Answer, Refusal> {
    let BatchRequest { items } = task.document()?;
    let request_id = task.request_id.as_str();
    let (requests, references): (Vec<_>, Vec<_>) = items
        .into_iter()
        .map(|item| (item.request, item.reference))
        .unzip();
    task.subject.learn(|facts| facts.note_items(&requests));
    let outcomes = task.custody.sign_batch(requests, task.deadline).await?;
    task.subject.learn(|facts| facts.note_outcomes(&outcomes));
    if outcomes.len() != references.len() {
        tracing::error!(request_id, "batch answered in part");
        return Err(Refusal::internal());
    }
    let signed = outcomes.iter().flatten();
    let holds = signed.map(|signed| signed.hold.clone()).collect();
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
                error: Problem::new(code, detail, request_id),
            }
        }
    });
    let document = BatchDocument {
        results: results.collect(),
    };
    Ok(Answer::json(StatusCode::OK, &document).holding(holds))
}
