//! The answers of a call: documents when it succeeds, problems when it does not.

use std::collections::BTreeMap;

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{
    Content, ContentBuilder, Ref, Response, ResponseBuilder, Responses, ResponsesBuilder,
};

use crate::wire::ProblemCode;

/// What may go wrong with any call that asks something of the custody.
pub(super) const ALWAYS: &[ProblemCode] = &[
    ProblemCode::InvalidRequest,
    ProblemCode::Denied,
    ProblemCode::RequestTimeout,
    ProblemCode::Overloaded,
    ProblemCode::Internal,
    ProblemCode::RegistryUnavailable,
    ProblemCode::AuditUnavailable,
    ProblemCode::Draining,
    ProblemCode::DeadlineExceeded,
];

/// What may go wrong in a scope that the profile does not serve. Calls that only read it, or take
/// something away, are answered all the same.
pub(super) const PERMITTED: &[ProblemCode] = &[ProblemCode::ScopeNotPermitted];

/// What may go wrong when a key is made or retired.
pub(super) const GENERATING: &[ProblemCode] = &[
    ProblemCode::KeyNotFound,
    ProblemCode::RotationInProgress,
    ProblemCode::KeyRetired,
    ProblemCode::ProviderUnavailable,
];

/// What may go wrong with a body.
pub(super) const BODY: &[ProblemCode] = &[
    ProblemCode::RequestTimeout,
    ProblemCode::PayloadTooLarge,
    ProblemCode::UnsupportedMediaType,
];

/// What may go wrong when one key or the current key of a scope signs.
pub(super) const SIGNING: &[ProblemCode] = &[
    ProblemCode::KeyNotFound,
    ProblemCode::RotationInProgress,
    ProblemCode::KeyRetired,
    ProblemCode::KeyBlocked,
    ProblemCode::SignatureCheckFailed,
    ProblemCode::ProviderUnavailable,
];

/// A successful answer that is one of the documents of the contract.
pub(super) fn document(description: &str, schema: &str) -> Response {
    media(description, &[("application/json", json(schema))])
}

/// A successful answer in any of several forms.
pub(super) fn media(description: &str, forms: &[(&str, Content)]) -> Response {
    let response = base(description);
    forms
        .iter()
        .fold(response, |response, (media_type, content)| {
            response.content(*media_type, content.clone())
        })
        .build()
}

/// A form that is a JSON document.
pub(super) fn json(schema: &str) -> Content {
    ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(schema)))
        .build()
}

/// A form that is text.
pub(super) fn text() -> Content {
    let text = ObjectBuilder::new().schema_type(Type::String);
    ContentBuilder::new().schema(Some(text)).build()
}

/// The answers of a call: `successes` by status, and one problem answer a status of `codes`.
pub(super) fn responses(
    successes: impl IntoIterator<Item = (&'static str, Response)>,
    codes: &[&[ProblemCode]],
) -> Responses {
    let mut by_status = BTreeMap::<u16, Vec<&str>>::new();
    for code in codes.concat() {
        let names = by_status.entry(code.status().as_u16()).or_default();
        if !names.contains(&code.as_str()) {
            names.push(code.as_str());
        }
    }
    let problems = by_status
        .into_iter()
        .map(|(status, names)| (status.to_string(), problem(status, &names)));
    ResponsesBuilder::new()
        .responses_from_iter(successes)
        .responses_from_iter(problems)
        .build()
}

fn problem(status: u16, codes: &[&str]) -> Response {
    let response = base(&codes.join(", ")).content("application/problem+json", json("Problem"));
    match status {
        429 | 503 => response.header("Retry-After", retry_after()),
        _ => response,
    }
    .build()
}

fn base(description: &str) -> ResponseBuilder {
    let request_id = HeaderBuilder::new()
        .schema(Some(Ref::from_schema_name("RequestId")))
        .description(Some(
            "The caller's id when it is well formed, else a fresh one.",
        ))
        .build();
    ResponseBuilder::new()
        .description(description)
        .header("X-Request-Id", request_id)
}

fn retry_after() -> Header {
    let seconds = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1));
    HeaderBuilder::new()
        .schema(Some(seconds))
        .description(Some("When to try again, in seconds."))
        .build()
}

/// The same answer, which names in `Location` where its subject is shown.
pub(super) fn located(mut response: Response, description: &str, pattern: &str) -> Response {
    let path = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern));
    let location = HeaderBuilder::new()
        .schema(Some(path))
        .description(Some(description))
        .build();
    let headers = &mut response.headers;
    headers.insert("Location".to_owned(), location.into());
    response
}
