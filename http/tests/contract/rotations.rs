//! Rotating the key of a scope, and the keys by which its signatures are verified.

use signer_domain::Timestamp;
use signer_http::wire::{JwkSetDocument, RotationDocument};

use crate::support::{TestServer, handle};

const PLATFORM: &str = "/v1/scopes/platform";
const DOMAIN: &str = "/v1/scopes/domain%3A6f9619ff-8b86-4011-b42d-00cf4fc964ff";

#[test]
fn a_new_rotation_is_201_with_its_location_and_a_standing_one_200() {
    let server = TestServer::start();
    let mut client = server.client();
    let target = format!("{PLATFORM}/rotations");
    let reply = client.post(&target, r#"{"new_key_id":"k2","provider":"software"}"#);
    let location = format!("{PLATFORM}/rotations/current");
    assert_eq!(
        (reply.status, reply.header("location")),
        (201, Some(location.as_str()))
    );
    assert_eq!(
        reply.text(),
        r#"{"scope":"platform","old_key_id":"k1","new_key_id":"k2","old_handle_id":"software:platform|k1","new_handle_id":"software:platform|k2","opened_at":"1970-01-01T00:01:00.000000Z","closes_at":"1970-01-01T01:01:00.000000Z","closed_at":null}"#
    );
    assert_eq!(client.get(&location).text(), reply.text());
    let reply = client.post(&target, r#"{"new_key_id":"standing"}"#);
    assert_eq!((reply.status, reply.header("location")), (200, None));
    assert_eq!(
        reply.json::<RotationDocument>().new_key_id.as_str(),
        "standing"
    );
}

#[test]
fn the_location_in_a_domain_is_percent_encoded_and_leads_there() {
    let server = TestServer::start();
    let mut client = server.client();
    let reply = client.post(&format!("{DOMAIN}/rotations"), r#"{"new_key_id":"k2"}"#);
    let location = format!("{DOMAIN}/rotations/current");
    assert_eq!(reply.header("location"), Some(location.as_str()));
    // The script knows no rotation of a domain.
    let problem = client.get(&location).problem();
    assert_eq!(problem.code.as_str(), "rotation_not_found");
    assert_eq!(problem.detail, "signing: no rotation open");
    assert!(!problem.retryable);
}

#[test]
fn closing_names_both_keys_and_tells_when_it_was_closed() {
    let server = TestServer::start();
    let target = format!("{PLATFORM}/rotations/close");
    let body = r#"{"old_key_id":"k1","new_key_id":"k2"}"#;
    let reply = server.client().post(&target, body);
    assert_eq!(reply.status, 200);
    let document: RotationDocument = reply.json();
    assert_eq!(document.old_handle_id, handle("k1"));
    assert_eq!(document.closed_at, Timestamp::from_second(120).ok());
    assert!(
        reply
            .text()
            .ends_with(r#""closed_at":"1970-01-01T00:02:00.000000Z"}"#)
    );
}

#[test]
fn opening_is_refused_by_cause() {
    let server = TestServer::start();
    let mut client = server.client();
    let target = format!("{PLATFORM}/rotations");
    for (body, status, code, detail) in [
        (
            r#"{"new_key_id":"rotating"}"#,
            409,
            "rotation_in_progress",
            "signing: rotation in progress",
        ),
        (
            r#"{"new_key_id":"taken"}"#,
            400,
            "invalid_request",
            "new_key_id: names another key of this scope; choose a new name",
        ),
        (
            r#"{"new_key_id":"unknown"}"#,
            404,
            "key_not_found",
            "signing: key not found",
        ),
        (
            r#"{"new_key_id":"k2","provider":"pkcs11"}"#,
            404,
            "key_not_found",
            "signing: key not found",
        ),
        (
            r#"{"new_key_id":"retired"}"#,
            410,
            "key_retired",
            "signing: key retired",
        ),
        (
            r#"{"new_key_id":"not-permitted"}"#,
            400,
            "scope_not_permitted",
            "signing scope \"platform\" not permitted in profile \"saas\": SaaS deployments require per-Domain keys",
        ),
        (
            r#"{"new_key_id":"provider-down"}"#,
            503,
            "provider_unavailable",
            "signing: key provider unavailable",
        ),
        ("{}", 400, "invalid_request", "new_key_id: is missing"),
        ("[]", 400, "invalid_request", "body: must be a JSON object"),
        (
            r#"{"new_key_id":"k2","new_key_id":"k2"}"#,
            400,
            "invalid_request",
            "new_key_id: is given twice",
        ),
        (
            r#"{"new_key_id":"k2","scope":"platform"}"#,
            400,
            "invalid_request",
            "scope: is not a field of this object",
        ),
        (
            r#"{"new_key_id":"k2","provider":null}"#,
            400,
            "invalid_request",
            "provider: invalid type: null, expected a string",
        ),
    ] {
        let reply = client.post(&target, body);
        let problem = reply.problem();
        assert_eq!(
            (reply.status, problem.code.as_str(), &*problem.detail),
            (status, code, detail),
            "{body}"
        );
    }
}

#[test]
fn closing_is_refused_by_cause() {
    let server = TestServer::start();
    let mut client = server.client();
    let target = format!("{PLATFORM}/rotations/close");
    for (body, code, detail) in [
        (
            r#"{"old_key_id":"not-rotated","new_key_id":"k2"}"#,
            "rotation_not_found",
            "signing: no rotation open",
        ),
        (
            r#"{"old_key_id":"registry-down","new_key_id":"k2"}"#,
            "registry_unavailable",
            "signing: key registry unavailable",
        ),
        (
            r#"{"old_key_id":"k1"}"#,
            "invalid_request",
            "new_key_id: is missing",
        ),
        (
            r#"{"new_key_id":"k2"}"#,
            "invalid_request",
            "old_key_id: is missing",
        ),
        (
            r#"{"old_key_id":"","new_key_id":"k2"}"#,
            "invalid_request",
            "",
        ),
    ] {
        let problem = client.post(&target, body).problem();
        assert_eq!(problem.code.as_str(), code, "{body}");
        assert!(
            problem.detail.contains(detail),
            "{body}: {}",
            problem.detail
        );
    }
}

#[test]
fn a_scope_of_bad_grammar_is_invalid_in_every_call() {
    let server = TestServer::start();
    let mut client = server.client();
    for (method, rest, body) in [
        ("POST", "rotations", Some(r#"{"new_key_id":"k2"}"#)),
        ("GET", "rotations/current", None),
        (
            "POST",
            "rotations/close",
            Some(r#"{"old_key_id":"k1","new_key_id":"k2"}"#),
        ),
        ("GET", "jwks", None),
    ] {
        for scope in ["Platform", "domain%3A1", "%ff", "platform%00", ".."] {
            let headers = body.map_or("", |_| "Content-Type: application/json\r\n");
            let reply = client.call(method, &format!("/v1/scopes/{scope}/{rest}"), headers, body);
            let problem = reply.problem();
            assert_eq!(problem.code.as_str(), "invalid_request", "{scope} {rest}");
            assert!(problem.detail.starts_with("scope: "), "{}", problem.detail);
        }
    }
}

#[test]
fn other_methods_are_told_which_ones_there_are() {
    let server = TestServer::start();
    for (method, rest, allow) in [
        ("GET", "rotations", "POST"),
        ("POST", "rotations/current", "GET, HEAD"),
        ("DELETE", "rotations/current", "GET, HEAD"),
        ("GET", "rotations/close", "POST"),
        ("POST", "jwks", "GET, HEAD"),
    ] {
        let target = format!("{PLATFORM}/{rest}");
        let reply = server.client().call(method, &target, "", None);
        assert_eq!(reply.problem().code.as_str(), "method_not_allowed");
        assert_eq!(reply.header("allow"), Some(allow), "{method} {rest}");
    }
}

#[test]
fn bodies_and_parameters_that_a_call_does_not_take_are_refused() {
    let server = TestServer::start();
    let json = "Content-Type: application/json\r\n";
    for (method, rest, body) in [
        ("POST", "rotations?x=1", Some(r#"{"new_key_id":"k2"}"#)),
        ("POST", "rotations", None),
        ("GET", "rotations/current?x=1", None),
        ("GET", "rotations/current", Some("{}")),
        ("POST", "rotations/close", None),
        ("GET", "jwks", Some("{}")),
        ("GET", "jwks?include=all", None),
        ("GET", "jwks?state=retired", None),
    ] {
        let target = format!("{PLATFORM}/{rest}");
        let reply = server.client().call(method, &target, json, body);
        assert_eq!(
            reply.problem().code.as_str(),
            "invalid_request",
            "{method} {rest}"
        );
    }
    let target = format!("{PLATFORM}/rotations");
    let reply = server
        .client()
        .call("POST", &target, "", Some(r#"{"new_key_id":"k2"}"#));
    assert_eq!(reply.problem().code.as_str(), "unsupported_media_type");
}

#[test]
fn a_key_set_holds_the_keys_in_use_and_on_demand_the_retired_ones() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut kids = |query: &str| -> Vec<String> {
        let set: JwkSetDocument = client.get(&format!("{PLATFORM}/jwks{query}")).json();
        set.keys
            .into_iter()
            .map(|jwk| jwk.kid.to_string())
            .collect()
    };
    let in_use = ["software:platform|k1", "software:platform|k2"];
    assert_eq!(kids(""), in_use);
    assert_eq!(kids("?include=retired")[1..], in_use);
    assert_eq!(kids("?include=retired")[0], "software:platform|k0");
    assert_eq!(
        server.client().get(&format!("{DOMAIN}/jwks")).text(),
        r#"{"keys":[]}"#
    );
}

#[test]
fn a_key_set_comes_under_the_media_type_that_is_asked_for() {
    let server = TestServer::start();
    let mut client = server.client();
    let target = format!("{PLATFORM}/jwks");
    let plain = client.get(&target);
    assert!(plain.text().starts_with(
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc","kid":"software:platform|k1"},"#
    ));
    assert_eq!(plain.header("content-type"), Some("application/json"));
    assert_eq!(plain.header("vary"), Some("accept"));
    let accept = "Accept: application/jwk-set+json\r\n";
    let named = client.call("GET", &target, accept, None);
    assert_eq!(
        named.header("content-type"),
        Some("application/jwk-set+json")
    );
    assert_eq!(named.body, plain.body);
}
