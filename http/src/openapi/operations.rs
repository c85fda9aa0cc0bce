//! The calls, one by one.

use utoipa::openapi::path::{HttpMethod, OperationBuilder, Paths, PathsBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::parts::{
    any_object, body, call, found, handle, item, named, optional_body, query, signed,
};
use super::responses::{
    ALWAYS, BODY, GENERATING, PERMITTED, document, json, located, media, responses, text,
};
use super::scopes;
use crate::query::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::wire::{BatchRequest, ProblemCode};

/// The paths of the interface.
pub(super) fn paths() -> Paths {
    PathsBuilder::new()
        .path(
            "/v1/keys",
            item([(HttpMethod::Post, generate()), (HttpMethod::Get, list())]),
        )
        .path("/v1/keys/{handle_id}", item([(HttpMethod::Get, show())]))
        .path(
            "/v1/keys/{handle_id}/public-key",
            item([(HttpMethod::Get, public_key())]),
        )
        .path(
            "/v1/keys/{handle_id}/sign",
            item([(HttpMethod::Post, sign())]),
        )
        .path(
            "/v1/keys/{handle_id}/retire",
            item([(HttpMethod::Post, retire())]),
        )
        .path(
            "/v1/keys/{handle_id}/block",
            item([(HttpMethod::Post, block())]),
        )
        .path(
            "/v1/keys/{handle_id}/unblock",
            item([(HttpMethod::Post, unblock())]),
        )
        .path(
            "/v1/keys/{handle_id}/release-quarantine",
            item([(HttpMethod::Post, release_quarantine())]),
        )
        .path(
            "/v1/scopes/{scope}/sign",
            item([(HttpMethod::Post, scopes::sign())]),
        )
        .path(
            "/v1/scopes/{scope}/jwks",
            item([(HttpMethod::Get, scopes::jwks())]),
        )
        .path(
            "/v1/scopes/{scope}/rotations",
            item([(HttpMethod::Post, scopes::open_rotation())]),
        )
        .path(
            "/v1/scopes/{scope}/rotations/current",
            item([(HttpMethod::Get, scopes::show_rotation())]),
        )
        .path(
            "/v1/scopes/{scope}/rotations/close",
            item([(HttpMethod::Post, scopes::close_rotation())]),
        )
        .path("/v1/sign", item([(HttpMethod::Post, sign_batch())]))
        .path("/livez", item([(HttpMethod::Get, livez())]))
        .path("/readyz", item([(HttpMethod::Get, readyz())]))
        .path("/metrics", item([(HttpMethod::Get, metrics())]))
        .path("/openapi.json", item([(HttpMethod::Get, openapi())]))
        .build()
}

fn generate() -> OperationBuilder {
    let created = located(
        document("The key is new.", "KeyDocument"),
        "The path of the new key.",
        "^/v1/keys/[A-Za-z0-9._~%-]+$",
    );
    let standing = document("The key stands already, active or rotating.", "KeyDocument");
    let problems = &[ALWAYS, BODY, PERMITTED, GENERATING];
    call(
        "generate",
        "Make a key, or find the one that stands under this name",
    )
    .request_body(Some(body("GenerateRequest")))
    .responses(responses([("201", created), ("200", standing)], problems))
}

fn list() -> OperationBuilder {
    let limit = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(MAX_LIMIT))
        .default(Some(DEFAULT_LIMIT.get().into()));
    call(
        "list",
        "List keys, page by page, in the order in which they were made",
    )
    .parameter(query("scope", "Only keys of this scope").schema(Some(named("Scope"))))
    .parameter(query("state", "Only keys in this state").schema(Some(named("KeyState"))))
    .parameter(query("limit", "At most this many keys").schema(Some(limit)))
    .parameter(query("cursor", "The next_cursor of the page before").schema(Some(named("Cursor"))))
    .responses(responses(
        [("200", document("One page of keys.", "KeyListDocument"))],
        &[ALWAYS],
    ))
}

fn show() -> OperationBuilder {
    call("show", "Show a key")
        .parameter(handle())
        .responses(found(document("The key.", "KeyDocument"), &[]))
}

fn public_key() -> OperationBuilder {
    let forms = [
        ("application/json", json("PublicKeyDocument")),
        ("application/x-pem-file", text()),
        ("application/jwk+json", json("Jwk")),
    ];
    let shown = media("The public key, in the form that Accept asks for.", &forms);
    call("public_key", "Show the public half of a key, in any state")
        .parameter(handle())
        .responses(found(
            shown,
            &[ProblemCode::ProviderUnavailable, ProblemCode::KeyRetired],
        ))
}

fn retire() -> OperationBuilder {
    call(
        "retire",
        "Retire a key, for good; no signature by it is released afterwards",
    )
    .parameter(handle())
    .request_body(Some(optional_body("EmptyRequest")))
    .responses(found(
        document("The retired key.", "KeyDocument"),
        &[GENERATING, BODY].concat(),
    ))
}

fn block() -> OperationBuilder {
    marking(
        "block",
        "Block a key; no signature by it is released until it is unblocked",
        "The blocked key.",
        &[],
    )
}

fn unblock() -> OperationBuilder {
    marking(
        "unblock",
        "Let a blocked key sign again, unless its retirement has begun",
        "The key.",
        &[ProblemCode::KeyBlocked],
    )
}

fn release_quarantine() -> OperationBuilder {
    marking(
        "release_quarantine",
        "Let a quarantined key sign again, once the cause is known",
        "The key.",
        &[],
    )
}

fn marking(
    id: &'static str,
    summary: &str,
    answer: &str,
    problems: &[ProblemCode],
) -> OperationBuilder {
    call(id, summary)
        .parameter(handle())
        .request_body(Some(optional_body("EmptyRequest")))
        .responses(found(
            document(answer, "KeyDocument"),
            &[BODY, &[ProblemCode::KeyRetired], problems].concat(),
        ))
}

fn sign() -> OperationBuilder {
    call("sign", "Sign a digest with a key")
        .parameter(handle())
        .request_body(Some(body("SignRequest")))
        .responses(signed("SignDocument", PERMITTED))
}

fn sign_batch() -> OperationBuilder {
    let limit = BatchRequest::MAX_ITEMS;
    let summary = format!("Sign up to {limit} digests, each on its own merits");
    call("sign_batch", &summary)
        .request_body(Some(body("BatchRequest")))
        .responses(signed("BatchDocument", &[]))
}

fn livez() -> OperationBuilder {
    let alive = document("The process is alive.", "LivezDocument");
    let lifeless = document("The process should be restarted.", "LivezDocument");
    call("livez", "Whether the process is alive; open to every peer")
        .responses(responses([("200", alive), ("503", lifeless)], &[PROBE]))
}

fn readyz() -> OperationBuilder {
    let ready = document("The custodian can serve.", "ReadyzDocument");
    let unready = document("The custodian cannot serve now.", "ReadyzDocument");
    call(
        "readyz",
        "Whether the custodian can serve; open to every peer",
    )
    .responses(responses([("200", ready), ("503", unready)], &[PROBE]))
}

fn metrics() -> OperationBuilder {
    let forms = [
        ("text/plain", text()),
        ("application/openmetrics-text", text()),
    ];
    let exposition = media("The metrics, in the form that Accept asks for.", &forms);
    call("metrics", "Metrics for Prometheus").responses(responses([("200", exposition)], &[PROBE]))
}

fn openapi() -> OperationBuilder {
    let forms = [("application/json", any_object())];
    let this = media("This document.", &forms);
    call("openapi", "This document").responses(responses(
        [("200", this)],
        &[PROBE, &[ProblemCode::Draining]],
    ))
}

/// What may go wrong with a probe. A stranger may bring no more than a small head, and its user may have
/// more connections than there is room for.
const PROBE: &[ProblemCode] = &[
    ProblemCode::InvalidRequest,
    ProblemCode::Denied,
    ProblemCode::RequestTimeout,
    ProblemCode::Overloaded,
    ProblemCode::Internal,
    ProblemCode::DeadlineExceeded,
];
