//! Making, showing, listing and retiring keys.

use signer_domain::KeyState;
use signer_http::wire::{Jwk, KeyDocument, KeyListDocument, PublicKeyDocument};

use crate::support::{TestServer, digest, handle, sign_body};

const K1: &str = "/v1/keys/software%3Aplatform%7Ck1";

#[test]
fn a_new_key_is_201_with_its_location_and_a_standing_one_200() {
    let server = TestServer::start();
    let mut client = server.client();
    let reply = client.post("/v1/keys", r#"{"scope":"platform","key_id":"k1"}"#);
    assert_eq!((reply.status, reply.header("location")), (201, Some(K1)));
    let document: KeyDocument = reply.json();
    assert_eq!(
        (document.handle_id, document.state),
        (handle("k1"), KeyState::Active)
    );
    assert!(
        reply
            .text()
            .contains(r#""valid_from":"1970-01-01T00:00:00.000000Z","valid_until":null"#)
    );
    assert_eq!(client.get(reply.header("location").unwrap()).status, 200);
    let reply = client.post("/v1/keys", r#"{"scope":"platform","key_id":"standing"}"#);
    assert_eq!((reply.status, reply.header("location")), (200, None));
}

#[test]
fn a_provider_that_is_not_configured_is_404_and_one_that_does_not_exist_400() {
    let server = TestServer::start();
    let mut client = server.client();
    let body =
        |provider| format!(r#"{{"scope":"platform","key_id":"k1","provider":"{provider}"}}"#);
    let reply = client.post("/v1/keys", &body("pkcs11"));
    assert_eq!(reply.problem().code.as_str(), "key_not_found");
    let reply = client.post("/v1/keys", &body("vault"));
    assert_eq!(reply.problem().code.as_str(), "invalid_request");
    assert!(reply.problem().detail.starts_with("provider: "));
}

#[test]
fn a_handle_of_a_provider_that_does_not_exist_is_400_wherever_it_stands() {
    let server = TestServer::start();
    let mut client = server.client();
    let item = format!(r#"{{"handle_id":"vault:x","digest":"{}"}}"#, digest());
    let batch = format!(r#"{{"items":[{item}]}}"#);
    for (reply, place) in [
        (client.get("/v1/keys/vault%3Ax"), "handle_id: "),
        (client.get("/v1/keys/vault%3Ax/public-key"), "handle_id: "),
        (client.post("/v1/keys/vault%3Ax/retire", ""), "handle_id: "),
        (
            client.post("/v1/keys/vault%3Ax/sign", &sign_body()),
            "handle_id: ",
        ),
        (client.post("/v1/sign", &batch), "items[0]: handle_id: "),
    ] {
        let problem = reply.problem();
        assert_eq!(problem.code.as_str(), "invalid_request");
        let sentence = format!("{place}must be \"<provider>:<rest>\", as in ");
        assert!(problem.detail.starts_with(&sentence), "{problem:?}");
    }
}

#[test]
fn the_pages_of_a_list_hold_every_key_once() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut target = "/v1/keys".to_owned();
    let mut seen = Vec::new();
    loop {
        let page: KeyListDocument = client.get(&target).json();
        assert!(page.keys.len() <= 100);
        seen.extend(page.keys.into_iter().map(|key| key.key_id.to_string()));
        let Some(cursor) = page.next_cursor else {
            break;
        };
        target = format!("/v1/keys?cursor={cursor}");
    }
    let expected: Vec<_> = (0..250).map(|number| format!("k{number}")).collect();
    assert_eq!(seen, expected);
    let page: KeyListDocument = client
        .get("/v1/keys?limit=1000&scope=platform&state=active")
        .json();
    assert_eq!((page.keys.len(), page.next_cursor), (250, None));
}

#[test]
fn parameters_that_a_call_does_not_have_are_refused() {
    let server = TestServer::start();
    let mut client = server.client();
    for target in [
        "/v1/keys?x=1",
        "/v1/keys?limit=0",
        &format!("{K1}?x=1"),
        &format!("{K1}/public-key?include=x"),
    ] {
        assert_eq!(
            client.get(target).problem().code.as_str(),
            "invalid_request",
            "{target}"
        );
    }
    assert_eq!(client.get("/livez?verbose=1").status, 200);
}

#[test]
fn a_public_key_comes_in_the_form_that_is_asked_for() {
    let server = TestServer::start();
    let mut client = server.client();
    let target = format!("{K1}/public-key");
    let reply = client.get(&target);
    let document: PublicKeyDocument = reply.json();
    assert_eq!((document.handle_id, document.cached), (handle("k1"), false));
    assert_eq!(reply.header("vary"), Some("accept"));
    let reply = client.call("GET", &target, "Accept: application/x-pem-file\r\n", None);
    assert_eq!(reply.header("content-type"), Some("application/x-pem-file"));
    assert_eq!(reply.text(), document.public_key.to_spki_pem());
    let reply = client.call("GET", &target, "Accept: application/jwk+json\r\n", None);
    assert_eq!(reply.header("content-type"), Some("application/jwk+json"));
    let jwk: Jwk = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(jwk, Jwk::new(handle("k1"), &document.public_key));
    let target = "/v1/keys/software%3Aplatform%7Cprovider-down/public-key";
    assert!(client.get(target).json::<PublicKeyDocument>().cached);
}

#[test]
fn retiring_needs_no_body_and_may_be_repeated() {
    let server = TestServer::start();
    let mut client = server.client();
    let target = format!("{K1}/retire");
    for (headers, body) in NOTHING {
        let document: KeyDocument = client.call("POST", &target, headers, body).json();
        assert_eq!(
            (document.state, document.current),
            (KeyState::Retired, false)
        );
    }
}

const JSON: &str = "Content-Type: application/json\r\n";

/// Headers and bodies that say nothing.
const NOTHING: [(&str, Option<&str>); 8] = [
    ("", None),
    ("", Some("")),
    (JSON, None),
    (JSON, Some("")),
    (JSON, Some("{}")),
    (JSON, Some(" {\n} ")),
    (JSON, Some("null")),
    (JSON, Some(" null\n")),
];

#[test]
fn what_takes_a_handle_alone_takes_no_body_but_one_that_says_nothing() {
    let server = TestServer::start();
    for act in ["retire", "block", "unblock", "release-quarantine"] {
        let target = format!("{K1}/{act}");
        for (headers, body) in NOTHING {
            let reply = server.client().call("POST", &target, headers, body);
            assert_eq!(reply.status, 200, "{act}: {body:?}");
        }
        for (body, detail) in [
            (r#"{"force":true}"#, "force: is not a field of this object"),
            ("[]", "body: must be a JSON object"),
            ("nul", "body: must be a JSON object"),
            ("null null", "body: must be a JSON object"),
            ("\u{c}null", "body: must be a JSON object"),
            (
                "{}{}",
                "body: is not JSON: trailing characters at line 1 column 3",
            ),
        ] {
            let reply = server.client().post(&target, body);
            assert_eq!(reply.status, 400, "{act}: {body}");
            assert_eq!(reply.problem().detail, detail, "{act}: {body}");
        }
        let reply = server.client().call("POST", &target, "", Some("{}"));
        assert_eq!(reply.problem().code.as_str(), "unsupported_media_type");
    }
}

#[test]
fn head_is_get_less_the_body() {
    let server = TestServer::start();
    let mut client = server.client();
    for target in ["/v1/keys", K1, "/livez", "/openapi.json", "/nowhere"] {
        let get = client.get(target);
        let head = client.call("HEAD", target, "", None);
        assert_eq!(head.status, get.status, "{target}");
        assert_eq!(
            head.header("content-length"),
            get.header("content-length"),
            "{target}"
        );
    }
}
