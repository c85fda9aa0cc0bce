//! Nothing is told of what could not be recorded.

use std::sync::atomic::Ordering;
use std::time::Instant;

use signer_domain::ports::{AuditKey, AuditOutcome};

use crate::support::{Mood, Reply, SLOWNESS, TestServer, digest, sign_body, sign_path};

/// Nothing in the answer but that it is withheld.
fn assert_withheld(reply: &Reply, context: &str) {
    assert_eq!(reply.status, 503, "{context}: {reply:?}");
    assert_eq!(reply.header("retry-after"), Some("1"), "{context}");
    for name in ["location", "allow", "vary"] {
        assert_eq!(reply.header(name), None, "{context}: {name}");
    }
    let problem = reply.problem();
    assert_eq!(problem.code.as_str(), "audit_unavailable", "{context}");
    assert_eq!(problem.detail, "signing: audit log unavailable");
    assert!(problem.retryable);
    // The script makes the signature out of the digest.
    for secret in [&digest()[..20], "signature", "software", "k1"] {
        assert!(!reply.text().contains(secret), "{context}: {secret}");
    }
}

/// Requests with every kind of answer: method, target, body.
fn requests() -> Vec<(&'static str, String, Option<String>)> {
    let sign = Some(sign_body());
    let scope = "/v1/scopes/platform";
    let batch = format!(
        r#"{{"items":[{{"scope":"platform","digest":"{}"}}]}}"#,
        digest()
    );
    vec![
        ("POST", sign_path("k1"), sign.clone()),
        ("POST", sign_path("retired"), sign.clone()),
        ("POST", sign_path("panic"), sign.clone()),
        ("POST", sign_path("k1"), Some("{}".to_owned())),
        ("POST", format!("{scope}/sign"), sign),
        ("POST", "/v1/sign".to_owned(), Some(batch)),
        (
            "POST",
            "/v1/keys".to_owned(),
            Some(r#"{"scope":"platform","key_id":"k1"}"#.to_owned()),
        ),
        (
            "POST",
            "/v1/keys/software%3Aplatform%7Ck1/retire".to_owned(),
            None,
        ),
        (
            "POST",
            format!("{scope}/rotations"),
            Some(r#"{"new_key_id":"k2"}"#.to_owned()),
        ),
        (
            "POST",
            format!("{scope}/rotations/close"),
            Some(r#"{"old_key_id":"k1","new_key_id":"k2"}"#.to_owned()),
        ),
        ("GET", format!("{scope}/rotations/current"), None),
        ("GET", format!("{scope}/jwks"), None),
        ("GET", "/v1/keys".to_owned(), None),
        ("GET", "/v1/keys/software%3Aplatform%7Ck1".to_owned(), None),
        (
            "GET",
            "/v1/keys/software%3Aplatform%7Ck1/public-key".to_owned(),
            None,
        ),
        ("GET", "/nowhere".to_owned(), None),
        ("DELETE", "/v1/keys".to_owned(), None),
    ]
}

fn send(server: &TestServer, method: &str, target: &str, body: Option<&str>) -> Reply {
    let headers = body.map_or("", |_| "Content-Type: application/json\r\n");
    server.client().call(method, target, headers, body)
}

#[test]
fn an_answer_that_could_not_be_recorded_is_withheld_whatever_it_was() {
    let server = TestServer::start();
    for mood in [Mood::Refusing, Mood::Panicking, Mood::Failing] {
        server.audit.set(mood);
        for (method, target, body) in requests() {
            let reply = send(&server, method, &target, body.as_deref());
            assert_withheld(&reply, &format!("{mood:?} {method} {target}"));
            let entries = server.audit.take_recorded().len() + server.audit.take_noted().len();
            assert_eq!(entries, 1, "{mood:?} {method} {target}");
        }
    }
    server.audit.set(Mood::Kept);
    assert_eq!(
        server.client().post(&sign_path("k1"), &sign_body()).status,
        200
    );
}

#[test]
fn an_answer_waits_for_its_record_and_is_withheld_when_that_fails_late() {
    let server = TestServer::start();
    server.audit.set(Mood::SlowlyRefusing);
    let started = Instant::now();
    let reply = server.client().post(&sign_path("k1"), &sign_body());
    assert!(started.elapsed() >= SLOWNESS);
    assert_withheld(&reply, "slowly");
    // The signature had been made when the record failed.
    let entry = server.audit.take_one();
    assert_eq!(entry.outcome, AuditOutcome::Ok);
    assert!(entry.signature.is_some());
}

#[test]
fn nothing_is_begun_while_the_record_is_known_to_fail() {
    let server = TestServer::start();
    server.audit.set(Mood::Failing);
    for (method, target, body) in requests() {
        if method != "POST" || body.as_deref() == Some("{}") {
            continue;
        }
        assert_withheld(&send(&server, method, &target, body.as_deref()), &target);
        let entry = server.audit.wait_for_note();
        assert_eq!(entry.outcome, AuditOutcome::Unavailable, "{target}");
        assert_eq!(entry.code, Some("audit_unavailable"), "{target}");
        assert_eq!((entry.digest, entry.signature), (None, None), "{target}");
        assert_eq!(entry.key.key_id, None, "{target}");
    }
    assert_eq!(server.audit.take_recorded(), []);
    assert_eq!(server.custody.signs.load(Ordering::Relaxed), 0);
}

#[test]
fn reading_goes_on_to_try_whether_the_record_can_be_written_again() {
    let server = TestServer::start();
    server.audit.set(Mood::Failing);
    assert_withheld(&server.client().get("/v1/keys"), "list");
    let entry = server.audit.take_one();
    assert_eq!((entry.op, entry.http_status), ("list", 200));
    assert_eq!(entry.key, AuditKey::default());
}

#[test]
fn the_probes_stay_open_and_the_metrics_count_what_was_withheld() {
    let server = TestServer::start();
    server.audit.set(Mood::Refusing);
    let mut client = server.client();
    client.post(&sign_path("k1"), &sign_body());
    assert_eq!(client.get("/livez").status, 200);
    assert_eq!(client.get("/openapi.json").status, 200);
    let metrics = client.get("/metrics");
    let line = r#"plexsphere_signer_http_requests_total{op="sign",outcome="audit_unavailable"} 1"#;
    assert!(metrics.text().contains(line), "{}", metrics.text());
}
