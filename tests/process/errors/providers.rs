//! Providers that fail.

use signer_test_support::{Response, Server, Workplace};

use super::contract::expect_problem;
use super::scripted::{self, path, sign};

fn generate(server: &Server, key_id: &str) -> Response {
    let document = format!(r#"{{"scope":"platform","key_id":"{key_id}"}}"#);
    server.post("/v1/keys", &document)
}

#[test]
fn a_panic_is_an_internal_error_and_harms_nobody_else() {
    let place = Workplace::with_seed();
    let mut server = scripted::start(&place, &[]);
    for key_id in ["sign-panics", "retire-panics", "k1"] {
        server.generate(key_id);
    }
    for _ in 0..3 {
        expect_problem(&sign(&server, "sign-panics"), "internal");
        expect_problem(&generate(&server, "generate-panics"), "internal");
        let retire = format!("{}/retire", path("retire-panics"));
        expect_problem(&server.post(&retire, ""), "internal");
        sign(&server, "k1").expect_status(200);
    }
    assert_eq!(server.get("/livez").json()["status"], "ok");
    assert!(server.terminate().success());
}

#[test]
fn a_signature_that_does_not_verify_is_not_released_and_the_key_signs_no_more() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &[]);
    for key_id in ["sign-wrong-twice", "k1"] {
        server.generate(key_id);
    }
    // The double would sign properly from the third time on: it is not asked any more.
    for _ in 0..3 {
        expect_problem(&sign(&server, "sign-wrong-twice"), "signature_check_failed");
    }
    sign(&server, "k1").expect_status(200);
    assert_eq!(server.metric("signatures_total"), 1);
    assert_eq!(server.metric("signature_check_failures_total"), 2);
}

#[test]
fn a_provider_that_cannot_serve_is_unavailable_for_a_while() {
    let place = Workplace::with_seed();
    let server = scripted::start(&place, &["--request-deadline", "500ms"]);
    for key_id in ["sign-unavailable", "sign-hangs", "sign-misconfigured"] {
        server.generate(key_id);
        expect_problem(&sign(&server, key_id), "provider_unavailable");
    }
    for key_id in ["generate-unavailable", "generate-lost-once"] {
        expect_problem(&generate(&server, key_id), "provider_unavailable");
    }
    // The work was done and its answer lost: the retry that the problem invites finds the key.
    generate(&server, "generate-lost-once").expect_status(201);
    sign(&server, "generate-lost-once").expect_status(200);
}
