//! Rotations, and the keys by which a scope's signatures are verified.

use actix_http::StatusCode;
use actix_http::header::{self, HeaderValue};
use signer_domain::Scope;
use signer_domain::ports::OpenedOrStanding;

use super::Task;
use crate::accept::KeySetForm;
use crate::answer::Answer;
use crate::audit::key;
use crate::key_set::KeySet;
use crate::query::verification_keys;
use crate::refusal::Refusal;
use crate::segment::parse_scope;
use crate::wire::{
    CloseRotationRequest, JwkSetDocument, OpenRotationRequest, RotationDocument, escaped,
};

pub(crate) async fn open(task: Task<'_>, scope: &str) -> Result<Answer, Refusal> {
    let scope = parse_scope(scope)?;
    let request = task.document::<OpenRotationRequest>()?.of(scope);
    let subject = task.subject;
    subject.learn(|facts| facts.key = key::of_rotation_to_open(&request));
    match task.rotations.open_rotation(request, task.deadline).await? {
        OpenedOrStanding::Opened(transition) => {
            subject.learn(|facts| facts.key = key::new_of(&transition));
            let document = RotationDocument::from(transition);
            let answer = Answer::json(StatusCode::CREATED, &document);
            Ok(answer.with(header::LOCATION, location_in(scope)))
        }
        OpenedOrStanding::Standing(transition) => {
            subject.learn(|facts| facts.key = key::new_of(&transition));
            let document = RotationDocument::from(transition);
            Ok(Answer::json(StatusCode::OK, &document))
        }
    }
}

pub(crate) async fn show(task: Task<'_>, scope: &str) -> Result<Answer, Refusal> {
    let scope = parse_scope(scope)?;
    let transition = task.rotations.rotation(scope, task.deadline).await?;
    let document = RotationDocument::from(transition);
    Ok(Answer::json(StatusCode::OK, &document))
}

pub(crate) async fn close(task: Task<'_>, scope: &str) -> Result<Answer, Refusal> {
    let scope = parse_scope(scope)?;
    let request = task.document::<CloseRotationRequest>()?.of(scope);
    let subject = task.subject;
    subject.learn(|facts| facts.key = key::of_rotation_to_close(&request));
    let transition = task
        .rotations
        .close_rotation(request, task.deadline)
        .await?;
    subject.learn(|facts| facts.key = key::old_of(&transition));
    let document = RotationDocument::from(transition);
    Ok(Answer::json(StatusCode::OK, &document))
}

pub(crate) async fn jwks(task: Task<'_>, scope: &str) -> Result<Answer, Refusal> {
    let scope = parse_scope(scope)?;
    let selection = verification_keys(task.head.uri.query())?;
    let mut keys = KeySet::new(task.rotations, scope, selection);
    let first = keys.part(task.deadline).await?;
    let form = KeySetForm::preferred(task.head.headers());
    let media_type = HeaderValue::from_static(form.media_type());
    let document = JwkSetDocument { keys: first };
    let mut answer = Answer::typed_json(StatusCode::OK, media_type, &document);
    if !keys.is_read() {
        answer = answer.continued_by(keys.into_rest());
    }
    Ok(answer.with(header::VARY, HeaderValue::from_static("accept")))
}

/// Where the open rotation of a scope is shown.
fn location_in(scope: Scope) -> HeaderValue {
    let segment = escaped(scope);
    // Percent-encoded text is always a valid header value.
    HeaderValue::from_str(&format!("/v1/scopes/{segment}/rotations/current"))
        .unwrap_or(HeaderValue::from_static("/v1/scopes"))
}
