//! The calls, one by one.

use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, Paths,
    PathsBuilder,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{PathItem, Ref, RefOr, Required, Response, Responses, Schema};

use super::REQUEST_ID;
use super::responses::{ALWAYS, BODY, SIGNING, document, json, location, media, responses, text};
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
            "/v1/scopes/{scope}/sign",
            item([(HttpMethod::Post, sign_scope())]),
        )
        .path("/v1/sign", item([(HttpMethod::Post, sign_batch())]))
        .path("/livez", item([(HttpMethod::Get, livez())]))
        .path("/readyz", item([(HttpMethod::Get, readyz())]))
        .path("/metrics", item([(HttpMethod::Get, metrics())]))
        .path("/openapi.json", item([(HttpMethod::Get, openapi())]))
        .build()
}

fn generate() -> OperationBuilder {
    let mut created = document("The key is new.", "KeyDocument");
    created
        .headers
        .insert("Location".to_owned(), location().into());
    let standing = document("The key stands already, active or rotating.", "KeyDocument");
    let problems = &[ALWAYS, BODY, GENERATING];
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
    .request_body(Some(optional_body("RetireRequest")))
    .responses(found(
        document("The retired key.", "KeyDocument"),
        &[GENERATING, BODY].concat(),
    ))
}

fn sign() -> OperationBuilder {
    call("sign", "Sign a digest with a key")
        .parameter(handle())
        .request_body(Some(body("SignRequest")))
        .responses(signed("SignDocument"))
}

fn sign_scope() -> OperationBuilder {
    call(
        "sign_scope",
        "Sign a digest with the current key of a scope",
    )
    .parameter(path("scope", "The scope, percent-encoded").schema(Some(named("Scope"))))
    .request_body(Some(body("SignRequest")))
    .responses(signed("SignDocument"))
}

fn sign_batch() -> OperationBuilder {
    let limit = BatchRequest::MAX_ITEMS;
    let summary = format!("Sign up to {limit} digests, each on its own merits");
    call("sign_batch", &summary)
        .request_body(Some(body("BatchRequest")))
        .responses(signed("BatchDocument"))
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
    call("metrics", "Metrics for Prometheus").responses(responses(
        [("200", exposition)],
        &[PROBE, &[ProblemCode::Denied]],
    ))
}

fn openapi() -> OperationBuilder {
    let forms = [("application/json", any_object())];
    let this = media("This document.", &forms);
    call("openapi", "This document").responses(responses([("200", this)], &[ALWAYS]))
}

/// What may go wrong when a key is made or retired.
const GENERATING: &[ProblemCode] = &[
    ProblemCode::ScopeNotPermitted,
    ProblemCode::KeyNotFound,
    ProblemCode::RotationInProgress,
    ProblemCode::KeyRetired,
    ProblemCode::ProviderUnavailable,
];

/// What may go wrong with a probe.
const PROBE: &[ProblemCode] = &[
    ProblemCode::InvalidRequest,
    ProblemCode::Internal,
    ProblemCode::DeadlineExceeded,
];

fn item<const N: usize>(operations: [(HttpMethod, OperationBuilder); N]) -> PathItem {
    let mut item = PathItem::default();
    for (method, operation) in operations {
        let operation: Operation = operation.build();
        item.merge_operations(PathItem::new(method, operation));
    }
    item
}

fn call(operation_id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .operation_id(Some(operation_id))
        .summary(Some(summary))
        .parameter_ref(Ref::new(format!("#/components/parameters/{REQUEST_ID}")))
}

fn found(success: Response, more: &[ProblemCode]) -> Responses {
    let problems = &[ALWAYS, &[ProblemCode::KeyNotFound], more];
    responses([("200", success)], problems)
}

fn signed(schema: &str) -> Responses {
    let success = document("The signature, verified under the registered key.", schema);
    responses([("200", success)], &[ALWAYS, BODY, SIGNING])
}

fn body(schema: &str) -> RequestBody {
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/json", json(schema))
        .build()
}

fn optional_body(schema: &str) -> RequestBody {
    RequestBodyBuilder::from(body(schema))
        .required(Some(Required::False))
        .build()
}

fn handle() -> Parameter {
    path("handle_id", "The handle of the key, percent-encoded")
        .schema(Some(named("HandleId")))
        .build()
}

fn path(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
}

fn query(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
}

fn named(schema: &str) -> RefOr<Schema> {
    Ref::from_schema_name(schema).into()
}

fn any_object() -> utoipa::openapi::Content {
    let object = ObjectBuilder::new().schema_type(Type::Object);
    utoipa::openapi::ContentBuilder::new()
        .schema(Some(object))
        .build()
}
