//! Requests that break the contract, name nothing, or are too large.

use signer_test_support::{K1, Response, Server, Workplace, path_of};

use super::contract::expect_problem;
use super::scripted::{self, body};

/// Asks with header fields and a body of the test's own.
fn post_raw(server: &Server, path: &str, fields: &str, body: &str) -> Response {
    let mut connection = server.connect();
    let request = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n\r\n{body}");
    connection.send(request.as_bytes()).unwrap();
    connection.receive().unwrap()
}

#[test]
fn a_request_that_breaks_the_contract_is_told_which_field_and_why() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    let secret_looking = "c2VjcmV0";
    for (path, json, detail) in [
        (
            "/v1/keys".to_owned(),
            r#"{"scope":"platform"}"#.to_owned(),
            "key_id: is missing",
        ),
        (
            format!("{K1}/sign"),
            format!(r#"{{"digest":"{secret_looking}"}}"#),
            "digest: must be exactly 64 bytes, not 6",
        ),
        (
            format!("{K1}/sign"),
            r#"{"digest":1}"#.to_owned(),
            "digest: invalid type: integer `1`, expected a string",
        ),
        (
            "/v1/sign".to_owned(),
            r#"{"items":[]}"#.to_owned(),
            "items: must be at least 1",
        ),
        (
            format!("{K1}/sign?force=true"),
            body(),
            "query: this call takes no parameters",
        ),
    ] {
        let answer = server.post(&path, &json);
        assert_eq!(expect_problem(&answer, "invalid_request"), detail);
        assert!(!answer.text().contains(secret_looking));
    }
    let answer = server.get("/v1/keys/%2e%2e");
    let detail = expect_problem(&answer, "invalid_request");
    assert!(detail.starts_with("handle_id: must be "), "{detail}");
}

#[test]
fn each_profile_of_many_domains_refuses_the_platform_scope_in_its_own_words() {
    for (profile, reason) in [
        ("saas", "SaaS deployments require per-Domain keys"),
        (
            "selfhosted-multi",
            "multi-Domain installations require per-Domain keys",
        ),
    ] {
        let place = Workplace::with_seed();
        let server = scripted::start(&place, &["--deployment-profile", profile]);
        let stable =
            format!(r#"signing scope "platform" not permitted in profile "{profile}": {reason}"#);
        let generate = server.post("/v1/keys", r#"{"scope":"platform","key_id":"k1"}"#);
        let sign = server.post("/v1/scopes/platform/sign", &body());
        for answer in [generate, sign] {
            assert_eq!(expect_problem(&answer, "scope_not_permitted"), stable);
        }
        let domain = "domain:6f9619ff-8b86-4011-b42d-00cf4fc964ff";
        let permitted = format!(r#"{{"scope":"{domain}","key_id":"k1"}}"#);
        server.post("/v1/keys", &permitted).expect_status(201);
    }
}

#[test]
fn a_platform_key_of_an_earlier_profile_signs_no_more_by_its_handle_either() {
    let place = Workplace::with_seed();
    let mut earlier = scripted::start(&place, &[]);
    // The scripted double forgets its keys with its process.
    let software = r#"{"scope":"platform","key_id":"k1","provider":"software"}"#;
    earlier.post("/v1/keys", software).expect_status(201);
    assert!(earlier.terminate().success());
    let server = scripted::start(&place, &["--deployment-profile", "saas"]);
    let refused = server.post(&format!("{K1}/sign"), &body());
    let detail = expect_problem(&refused, "scope_not_permitted");
    let item = body().replacen('{', r#"{"handle_id":"software:platform|k1","#, 1);
    let batch = format!(r#"{{"items":[{item}]}}"#);
    let answer = server.post("/v1/sign", &batch).expect_status(200).json();
    let problem = &answer["results"][0]["error"];
    assert_eq!(problem["code"], "scope_not_permitted");
    assert_eq!(problem["detail"], detail.as_str());
    assert_eq!(server.metric("signatures_total"), 0);
    server.get(K1).expect_status(200);
    let retire = format!("{K1}/retire");
    server.post(&retire, "").expect_status(200);
}

#[test]
fn a_handle_that_the_registry_does_not_know_is_a_key_not_found() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    for handle in [
        // The software provider could derive this one.
        "software:platform|never-generated",
        "testdouble:platform|never-generated",
        // A provider that is not configured.
        "pkcs11:plexsphere:platform:k1",
        "aws-kms:arn:aws:kms:eu-central-1:1:key/2",
    ] {
        let path = path_of(handle).replace("key/2", "key%2F2");
        for answer in [
            server.get(&path),
            server.get(&format!("{path}/public-key")),
            server.post(&format!("{path}/sign"), &body()),
            server.post(&format!("{path}/retire"), ""),
        ] {
            expect_problem(&answer, "key_not_found");
        }
    }
    let scope = server.post("/v1/scopes/platform/sign", &body());
    expect_problem(&scope, "key_not_found");
    let provider = r#"{"scope":"platform","key_id":"k1","provider":"pkcs11"}"#;
    expect_problem(&server.post("/v1/keys", provider), "key_not_found");
}

#[test]
fn a_path_without_a_call_is_not_found() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    for path in ["/", "/v1", "/v2/keys", "/livez/", "/v1/keys/a/b/c"] {
        expect_problem(&server.get(path), "not_found");
    }
}

#[test]
fn another_method_is_told_which_ones_there_are() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    let sign = format!("{K1}/sign");
    for (method, path, allow) in [
        ("DELETE", "/v1/keys", "GET, HEAD, POST"),
        ("PUT", K1, "GET, HEAD"),
        ("GET", sign.as_str(), "POST"),
        ("POST", "/livez", "GET, HEAD"),
    ] {
        let answer = server.connect().ask(method, path, None).unwrap();
        expect_problem(&answer, "method_not_allowed");
        assert_eq!(answer.header("allow"), Some(allow), "{method} {path}");
    }
}

#[test]
fn a_body_beyond_64_kib_is_too_large_and_one_of_512_kib_for_a_batch() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    let sign = format!("{K1}/sign");
    for (path, limit) in [
        ("/v1/keys", 64 * 1024),
        (sign.as_str(), 64 * 1024),
        ("/v1/scopes/platform/sign", 64 * 1024),
        ("/v1/sign", 512 * 1024),
    ] {
        let padded = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
        let fits = server.post(path, &padded(limit));
        expect_problem(&fits, "invalid_request");
        let announced = server.post(path, &padded(limit + 1));
        let chunked = post_raw(
            &server,
            path,
            "Content-Type: application/json\r\nTransfer-Encoding: chunked",
            &format!("{:x}\r\n{}\r\n0\r\n\r\n", limit + 1, padded(limit + 1)),
        );
        for answer in [announced, chunked] {
            let detail = expect_problem(&answer, "payload_too_large");
            let stable = format!("the body must be at most {limit} bytes long");
            assert_eq!(detail, stable);
        }
    }
}

#[test]
fn a_body_that_is_not_plain_json_is_an_unsupported_media_type() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    let body = body();
    for (fields, stable) in [
        (
            "Content-Type: text/plain",
            "the body must be application/json",
        ),
        ("Accept: */*", "the body must be application/json"),
        (
            "Content-Type: application/json\r\nContent-Encoding: gzip",
            "the body must not be encoded or compressed",
        ),
    ] {
        let fields = format!("{fields}\r\nContent-Length: {}", body.len());
        let answer = post_raw(&server, &format!("{K1}/sign"), &fields, &body);
        assert_eq!(expect_problem(&answer, "unsupported_media_type"), stable);
    }
}

#[test]
fn a_problem_names_the_request_by_the_id_that_the_caller_gave_it() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    let answer = server.get_with("/nowhere", &[("X-Request-Id", "job-7.retry_2")]);
    expect_problem(&answer, "not_found");
    assert_eq!(answer.header("x-request-id"), Some("job-7.retry_2"));
}
