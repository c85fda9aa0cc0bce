//! Making, showing, listing and retiring keys.

use actix_http::StatusCode;
use actix_http::header::{self, HeaderMap, HeaderValue};
use signer_domain::ports::{Custody, GeneratedOrStanding};
use signer_domain::{Deadline, HandleId};

use super::parse_handle;
use crate::accept::KeyForm;
use crate::answer::Answer;
use crate::body;
use crate::query::{encode_cursor, key_query};
use crate::refusal::Refusal;
use crate::wire::{
    GenerateRequest, Jwk, KeyDocument, KeyListDocument, PublicKeyDocument, RetireRequest, escaped,
};

pub(crate) async fn generate(
    custody: &dyn Custody,
    body: &[u8],
    deadline: Deadline,
) -> Result<Answer, Refusal> {
    let request: GenerateRequest = body::parse(body)?;
    match custody.generate(request.into(), deadline).await? {
        GeneratedOrStanding::Generated(key) => {
            let location = location_of(&key.handle_id);
            let answer = Answer::json(StatusCode::CREATED, &KeyDocument::from(key));
            Ok(answer.with(header::LOCATION, location))
        }
        GeneratedOrStanding::Standing(key) => {
            Ok(Answer::json(StatusCode::OK, &KeyDocument::from(key)))
        }
    }
}

pub(crate) async fn list(
    custody: &dyn Custody,
    query: Option<&str>,
    deadline: Deadline,
) -> Result<Answer, Refusal> {
    let page = custody.keys(key_query(query)?, deadline).await?;
    let document = KeyListDocument {
        keys: page.keys.into_iter().map(KeyDocument::from).collect(),
        next_cursor: page.next.map(encode_cursor),
    };
    Ok(Answer::json(StatusCode::OK, &document))
}

pub(crate) async fn show(
    custody: &dyn Custody,
    handle: &str,
    deadline: Deadline,
) -> Result<Answer, Refusal> {
    let key = custody.key(parse_handle(handle)?, deadline).await?;
    Ok(Answer::json(StatusCode::OK, &KeyDocument::from(key)))
}

pub(crate) async fn retire(
    custody: &dyn Custody,
    handle: &str,
    body: &[u8],
    deadline: Deadline,
) -> Result<Answer, Refusal> {
    if !body.is_empty() {
        let RetireRequest {} = body::parse(body)?;
    }
    let key = custody.retire(parse_handle(handle)?, deadline).await?;
    Ok(Answer::json(StatusCode::OK, &KeyDocument::from(key)))
}

pub(crate) async fn public_key(
    custody: &dyn Custody,
    handle: &str,
    headers: &HeaderMap,
    deadline: Deadline,
) -> Result<Answer, Refusal> {
    let published = custody.public_key(parse_handle(handle)?, deadline).await?;
    let form = KeyForm::preferred(headers);
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
    use super::*;

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
        assert_eq!(parse_handle(segment), Ok(handle));
        let arn = HandleId::parse("aws-kms:arn:aws:kms:eu:1:key/2").unwrap();
        assert_eq!(
            location_of(&arn),
            "/v1/keys/aws-kms%3Aarn%3Aaws%3Akms%3Aeu%3A1%3Akey%2F2"
        );
    }
}
