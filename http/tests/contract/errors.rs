//! Every row of the error table.

use signer_http::wire::BatchDocument;
use signer_http::wire::BatchResult;

use crate::support::{Client, Reply, TestServer, sign_body, sign_path};

#[test]
fn every_cause_has_its_status_code_and_detail() {
    let server = TestServer::start();
    let mut client = server.client();
    for (name, status, code, detail, retryable) in [
        (
            "unknown",
            404,
            "key_not_found",
            "signing: key not found",
            false,
        ),
        ("retired", 410, "key_retired", "signing: key retired", false),
        (
            "rotating",
            409,
            "rotation_in_progress",
            "signing: rotation in progress",
            false,
        ),
        (
            "flooded",
            429,
            "overloaded",
            "signing: handle queue full",
            true,
        ),
        (
            "provider-down",
            503,
            "provider_unavailable",
            "signing: key provider unavailable",
            true,
        ),
        (
            "registry-down",
            503,
            "registry_unavailable",
            "signing: key registry unavailable",
            true,
        ),
        (
            "late",
            504,
            "deadline_exceeded",
            "signing: deadline exceeded",
            true,
        ),
        (
            "wrong",
            500,
            "signature_check_failed",
            "the signature did not verify and was not released",
            false,
        ),
        (
            "broken",
            500,
            "internal",
            "the custodian failed; its log says more under this request id",
            false,
        ),
        (
            "panic",
            500,
            "internal",
            "the custodian failed; its log says more under this request id",
            false,
        ),
        (
            "not-permitted",
            400,
            "scope_not_permitted",
            "signing scope \"platform\" not permitted in profile \"saas\": SaaS deployments require per-Domain keys",
            false,
        ),
    ] {
        let reply = client.post(&sign_path(name), &sign_body());
        let problem = reply.problem();
        assert_eq!(reply.status, status, "{name}");
        assert_eq!(problem.code.as_str(), code, "{name}");
        assert_eq!(problem.detail, detail, "{name}");
        assert_eq!(problem.retryable, retryable, "{name}");
        if let Some(seconds) = reply.header("retry-after") {
            assert_eq!(seconds, "2", "{name}");
        }
    }
    assert_eq!(client.post(&sign_path("k1"), &sign_body()).status, 200);
}

#[test]
fn a_panic_leaves_every_worker_alive() {
    let server = TestServer::start();
    for _ in 0..20 {
        let reply = server.client().post(&sign_path("panic"), &sign_body());
        assert_eq!(reply.problem().code.as_str(), "internal");
    }
    for _ in 0..20 {
        assert_eq!(
            server.client().post(&sign_path("k1"), &sign_body()).status,
            200
        );
    }
}

#[test]
fn an_item_of_a_batch_fails_alone_with_the_same_problem() {
    let server = TestServer::start();
    let body = format!(
        r#"{{"items":[{},{},{}]}}"#,
        item("k1"),
        item("retired"),
        item("k2")
    );
    let reply = server.client().post("/v1/sign", &body);
    assert_eq!(reply.status, 200, "{}", reply.text());
    let BatchDocument { results } = reply.json();
    let outcomes: Vec<_> = results.iter().map(summary).collect();
    assert_eq!(
        outcomes,
        [("k1", "ok"), ("retired", "key_retired"), ("k2", "ok")]
    );
}

#[test]
fn a_batch_the_custodian_does_not_take_is_refused_whole() {
    let server = TestServer::start();
    let body = format!(r#"{{"items":[{},{}]}}"#, item("k1"), item("flooded-batch"));
    let reply = server.client().post("/v1/sign", &body);
    assert_eq!(
        (reply.status, reply.header("retry-after")),
        (429, Some("2"))
    );
    assert_eq!(reply.problem().code.as_str(), "overloaded");
}

/// An item of a batch, to be signed by the key of the given name.
fn item(name: &str) -> String {
    let body = sign_body();
    let rest = body.strip_prefix('{').unwrap();
    format!(r#"{{"handle_id":"software:platform|{name}","reference":"{name}",{rest}"#)
}

fn summary(result: &BatchResult) -> (&str, &str) {
    match result {
        BatchResult::Signed { reference, .. } => (reference.as_deref().unwrap(), "ok"),
        BatchResult::Refused { reference, error } => {
            (reference.as_deref().unwrap(), error.code.as_str())
        }
    }
}

#[test]
fn unknown_paths_and_other_methods_are_problems_too() {
    let server = TestServer::start();
    let mut client = server.client();
    for target in [
        "/",
        "/v1",
        "/v1/keys/h/rotate",
        "/v1/scopes/platform",
        "/v1/scopes/platform/rotations/k2",
        "/v2/keys",
        "/livez/",
    ] {
        assert_eq!(
            client.get(target).problem().code.as_str(),
            "not_found",
            "{target}"
        );
    }
    for (method, target, allow) in [
        ("DELETE", "/v1/keys", "GET, HEAD, POST"),
        ("PUT", "/v1/keys/h", "GET, HEAD"),
        ("GET", "/v1/keys/h/sign", "POST"),
        ("OPTIONS", "/v1/sign", "POST"),
        ("PATCH", "/livez", "GET, HEAD"),
        ("TRACE", "/metrics", "GET, HEAD"),
        ("PROPFIND", "/readyz", "GET, HEAD"),
    ] {
        let reply = client.call(method, target, "", None);
        assert_eq!(
            reply.problem().code.as_str(),
            "method_not_allowed",
            "{method} {target}"
        );
        assert_eq!(reply.header("allow"), Some(allow), "{method} {target}");
    }
}

#[test]
fn bodies_must_be_plain_json() {
    let server = TestServer::start();
    for headers in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/json; charset=latin1\r\n",
        "Content-Type: application/json\r\nContent-Type: application/json\r\n",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        "Content-Type: application/json\r\nContent-Encoding: identity, br\r\n",
        "Content-Type: application/json\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\n",
    ] {
        let reply = post_with(&mut server.client(), headers);
        assert_eq!(
            reply.problem().code.as_str(),
            "unsupported_media_type",
            "{headers}"
        );
    }
    for headers in [
        "Content-Type: application/json\r\nContent-Encoding: identity\r\n",
        "Content-Type: application/json; charset=utf-8\r\n",
    ] {
        assert_eq!(
            post_with(&mut server.client(), headers).status,
            200,
            "{headers}"
        );
    }
}

fn post_with(client: &mut Client, headers: &str) -> Reply {
    client.call("POST", &sign_path("k1"), headers, Some(&sign_body()))
}

#[test]
fn every_answer_carries_the_request_id() {
    let server = TestServer::start();
    let mut client = server.client();
    for target in ["/livez", "/v1/keys/software%3Aplatform%7Ck1", "/nowhere"] {
        let reply = client.call("GET", target, "X-Request-Id: job_7.a-B\r\n", None);
        assert_eq!(reply.header("x-request-id"), Some("job_7.a-B"), "{target}");
        let reply = client.call("GET", target, "X-Request-Id: a b\r\n", None);
        assert_eq!(reply.header("x-request-id").unwrap().len(), 36, "{target}");
    }
}
