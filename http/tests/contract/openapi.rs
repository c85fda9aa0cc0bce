//! The OpenAPI document.

use std::collections::BTreeSet;

use serde_json::Value;
use signer_http::openapi_json;
use signer_http::wire::BatchRequest;

use crate::support::{TestServer, providers};

fn document() -> Value {
    serde_json::from_str(&openapi_json(&providers())).unwrap()
}

#[test]
fn has_every_call() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    let calls: BTreeSet<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let expected = [
        "GET /livez",
        "GET /metrics",
        "GET /openapi.json",
        "GET /readyz",
        "GET /v1/keys",
        "GET /v1/keys/{handle_id}",
        "GET /v1/keys/{handle_id}/public-key",
        "GET /v1/scopes/{scope}/jwks",
        "GET /v1/scopes/{scope}/rotations/current",
        "POST /v1/keys",
        "POST /v1/keys/{handle_id}/block",
        "POST /v1/keys/{handle_id}/release-quarantine",
        "POST /v1/keys/{handle_id}/retire",
        "POST /v1/keys/{handle_id}/sign",
        "POST /v1/keys/{handle_id}/unblock",
        "POST /v1/scopes/{scope}/rotations",
        "POST /v1/scopes/{scope}/rotations/close",
        "POST /v1/scopes/{scope}/sign",
        "POST /v1/sign",
    ];
    assert_eq!(calls, expected.map(str::to_owned).into());
}

#[test]
fn only_calls_that_the_profile_can_refuse_say_so() {
    let document = document();
    let mut refused = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap() {
            let answer = call["responses"]["400"]["description"].as_str();
            if answer.is_some_and(|codes| codes.contains("scope_not_permitted")) {
                refused.push(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    refused.sort();
    let expected = [
        "POST /v1/keys",
        "POST /v1/keys/{handle_id}/sign",
        "POST /v1/scopes/{scope}/rotations",
        "POST /v1/scopes/{scope}/sign",
    ];
    assert_eq!(refused, expected);
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 50);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect_references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get("$ref") {
                found.push(reference.clone());
            }
            fields
                .values()
                .for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_references(item, found)),
        _ => {}
    }
}

#[test]
fn requests_admit_no_other_fields_and_no_null() {
    let document = document();
    for name in [
        "GenerateRequest",
        "SignRequest",
        "BatchRequest",
        "EmptyRequest",
        "OpenRotationRequest",
        "CloseRotationRequest",
    ] {
        let schema = &document["components"]["schemas"][name];
        assert_eq!(schema["additionalProperties"], false, "{name}");
        assert!(!schema.to_string().contains("null"), "{name}");
    }
}

#[test]
fn the_patterns_accept_what_the_server_accepts() {
    let document = document();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["Digest"]["pattern"], "^[A-Za-z0-9+/]{85}[AQgw]==$");
    assert_eq!(
        schemas["KeyId"]["pattern"],
        "^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$"
    );
    let handle = schemas["HandleId"]["pattern"].as_str().unwrap();
    assert!(
        handle.starts_with("^(software|pkcs11|aws-kms|gcp-kms|azure-kv"),
        "{handle}"
    );
}

#[test]
fn only_what_takes_a_handle_and_nothing_else_may_do_without_its_body() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    for (path, item) in paths {
        let body = &item["post"]["requestBody"];
        let required = body["required"].as_bool();
        let is_lone = ["/retire", "/block", "/unblock", "/release-quarantine"]
            .iter()
            .any(|end| path.ends_with(end));
        let expected = item.get("post").map(|_| !is_lone);
        assert_eq!(required, expected, "{path}");
        let schema = body["content"]["application/json"]["schema"].to_string();
        let takes_null = schema.contains(r#""type":"null""#);
        assert_eq!(takes_null, is_lone && required.is_some(), "{path}");
    }
}

#[test]
fn a_batch_has_the_length_that_the_server_takes() {
    let schemas = &document()["components"]["schemas"];
    for (name, field) in [("BatchRequest", "items"), ("BatchDocument", "results")] {
        let list = &schemas[name]["properties"][field];
        assert_eq!(list["maxItems"], BatchRequest::MAX_ITEMS, "{name}");
    }
}

#[test]
fn is_served() {
    let server = TestServer::start();
    assert_eq!(
        server.client().get("/openapi.json").json::<Value>(),
        document()
    );
}
