//! Making, showing, listing and retiring keys.

use actix_http::StatusCode;
use actix_http::header::{self, HeaderValue};
use signer_domain::HandleId;
use signer_domain::ports::{GenerateKey, GeneratedOrStanding, ShownKey};

use super::Task;
use crate::accept::KeyForm;
use crate::answer::Answer;
use crate::audit::{Subject, key};
use crate::query::{encode_cursor, key_query};
use crate::refusal::Refusal;
use crate::wire::{
    EmptyRequest, GenerateRequest, Jwk, KeyDocument, KeyListDocument, PublicKeyDocument, escaped,
};

pub(crate) async fn generate(task: Task<'_>) -> Result<Answer, Refusal> {
    let request = GenerateKey::from(task.document::<GenerateRequest>()?);
    let subject = task.subject;
    subject.learn(|facts| facts.key = key::of_key_to_make(&request));
    match task.custody.generate(request, task.deadline).await? {
        GeneratedOrStanding::Generated(key) => {
            subject.learn(|facts| facts.key = key::of_record(&key));
            let location = location_of(&key.handle_id);
            let answer = Answer::json(StatusCode::CREATED, &KeyDocument::from(key));
            Ok(answer.with(header::LOCATION, location))
        }
        GeneratedOrStanding::Standing(key) => {
            subject.learn(|facts| facts.key = key::of_record(&key));
            Ok(Answer::json(StatusCode::OK, &KeyDocument::from(key)))
        }
    }
}

pub(crate) async fn list(task: Task<'_>) -> Result<Answer, Refusal> {
    let query = key_query(task.head.uri.query())?;
    if let Some(scope) = query.scope {
        task.subject.learn(|facts| facts.key = key::of_scope(scope));
    }
    let page = task.custody.keys(query, task.deadline).await?;
    let document = KeyListDocument {
        keys: page.keys.into_iter().map(KeyDocument::from).collect(),
        next_cursor: page.next.map(encode_cursor),
    };
    Ok(Answer::json(StatusCode::OK, &document))
}

pub(crate) async fn show(task: Task<'_>, handle: &str) -> Result<Answer, Refusal> {
    let handle = task.handle(handle)?;
    let shown = task.custody.key(handle, task.deadline).await?;
    task.subject
        .learn(|facts| facts.key = key::of_record(&shown.key));
    Ok(Answer::json(StatusCode::OK, &KeyDocument::from(shown)))
}

pub(crate) async fn retire(task: Task<'_>, handle: &str) -> Result<Answer, Refusal> {
    let handle = lone_handle(&task, handle)?;
    let key = task.custody.retire(handle, task.deadline).await?;
    task.subject.learn(|facts| facts.key = key::of_record(&key));
    Ok(Answer::json(StatusCode::OK, &KeyDocument::from(key)))
}

pub(crate) async fn block(task: Task<'_>, handle: &str) -> Result<Answer, Refusal> {
    let handle = lone_handle(&task, handle)?;
    let blocked = task.custody.block(handle, task.deadline).await?;
    Ok(marked(task.subject, blocked))
}

pub(crate) async fn unblock(task: Task<'_>, handle: &str) -> Result<Answer, Refusal> {
    let handle = lone_handle(&task, handle)?;
    let unblocked = task.custody.unblock(handle, task.deadline).await?;
    Ok(marked(task.subject, unblocked))
}

pub(crate) async fn release_quarantine(task: Task<'_>, handle: &str) -> Result<Answer, Refusal> {
    let handle = lone_handle(&task, handle)?;
    let released = task
        .custody
        .release_quarantine(handle, task.deadline)
        .await?;
    Ok(marked(task.subject, released))
}

/// The handle of a request that says nothing else.
fn lone_handle(task: &Task<'_>, handle: &str) -> Result<HandleId, Refusal> {
    let is_null = || serde_json::from_slice::<()>(task.body).is_ok();
    if !task.body.is_empty() && !is_null() {
        let EmptyRequest {} = task.document()?;
    }
    task.handle(handle)
}

fn marked(subject: &mut Subject, shown: ShownKey) -> Answer {
    subject.learn(|facts| facts.key = key::of_record(&shown.key));
    Answer::json(StatusCode::OK, &KeyDocument::from(shown))
}

pub(crate) async fn public_key(task: Task<'_>, handle: &str) -> Result<Answer, Refusal> {
    let handle = task.handle(handle)?;
    let published = task.custody.public_key(handle, task.deadline).await?;
    task.subject
        .learn(|facts| facts.key = key::of_record(&published.key));
    let form = KeyForm::preferred(task.head.headers());
    let media_type = HeaderValue::from_static(form.media_type());
    let answer = match form {
        KeyForm::Json => Answer::json(StatusCode::OK, &PublicKeyDocument::from(published)),
        KeyForm::Pem => {
            let pem = published.public_key.to_spki_pem();
            Answer::new(StatusCode::OK, media_type, pem.into())
        }
        KeyForm::Jwk => {
            let jwk = Jwk::new(published.key.handle_id, &published.public_key);
            Answer::typed_json(StatusCode::OK, media_type, &jwk)
        }
    };
    Ok(answer.with(header::VARY, HeaderValue::from_static("accept")))
}

/// Where a key is shown.
fn location_of(handle: &HandleId) -> HeaderValue {
    let segment = escaped(handle);
    // Percent-encoded text is always a valid header value.
    HeaderValue::from_str(&format!("/v1/keys/{segment}"))
        .unwrap_or(HeaderValue::from_static("/v1/keys"))
}

#[cfg(test)]
mod tests {
    use signer_domain::{KnownProviders, ProviderName};

    use super::*;
    use crate::segment::parse_handle;

    #[test]
    fn a_location_is_percent_encoded_and_leads_back_to_the_handle() {
        let handle = HandleId::parse("software:platform|k1").unwrap();
        let location = location_of(&handle);
        assert_eq!(location, "/v1/keys/software%3Aplatform%7Ck1");
        let segment = location
            .to_str()
            .unwrap()
            .strip_prefix("/v1/keys/")
            .unwrap();
        let known = KnownProviders::from_iter([ProviderName::new("software")]);
        assert_eq!(parse_handle(segment, &known), Ok(handle));
        let arn = HandleId::parse("aws-kms:arn:aws:kms:eu:1:key/2").unwrap();
        assert_eq!(
            location_of(&arn),
            "/v1/keys/aws-kms%3Aarn%3Aaws%3Akms%3Aeu%3A1%3Akey%2F2"
        );
    }
}
