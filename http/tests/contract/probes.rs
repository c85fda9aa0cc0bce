//! What the probes and the metrics say.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use signer_http::wire::{
    CheckStatus, LivezDocument, LivezStatus, ProviderReadiness, ReadyzDocument, ReadyzStatus,
};

use crate::support::{Mood, TestServer, sign_body, sign_path};

#[test]
fn livez_carries_the_warnings() {
    let server = TestServer::start();
    let reply = server.client().get("/livez");
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.text(),
        r#"{"status":"ok","warnings":["key provider \"software\" is dev-only"]}"#
    );
}

#[test]
fn livez_is_503_when_the_supervisor_does_not_answer() {
    let server = TestServer::start();
    server.custody.is_lifeless.store(true, Ordering::Relaxed);
    let reply = server.client().get("/livez");
    assert_eq!(reply.status, 503);
    assert_eq!(reply.json::<LivezDocument>().status, LivezStatus::Failing);
}

#[test]
fn readyz_says_what_is_wrong() {
    let server = TestServer::start();
    let reply = server.client().get("/readyz");
    assert_eq!(
        (reply.status, reply.text()),
        (
            200,
            r#"{"status":"ready","checks":{"registry":"ok","audit":"ok","socket":"ok","providers":{"software":"ready"}},"warnings":[]}"#
        )
    );
    server
        .custody
        .is_registry_down
        .store(true, Ordering::Relaxed);
    let reply = server.client().get("/readyz");
    assert_eq!(reply.status, 503);
    let document: ReadyzDocument = reply.json();
    assert_eq!(document.status, ReadyzStatus::Unready);
    assert_eq!(document.checks.registry, CheckStatus::Failing);
    assert_eq!(
        document.checks.providers["software"],
        ProviderReadiness::Ready
    );
}

#[test]
fn readyz_is_503_while_the_record_fails_and_200_when_none_is_kept() {
    let server = TestServer::start();
    let mut client = server.client();
    for (mood, status, check) in [
        (Mood::Failing, 503, CheckStatus::Failing),
        (Mood::Off, 200, CheckStatus::Off),
        (Mood::Kept, 200, CheckStatus::Ok),
    ] {
        server.audit.set(mood);
        let reply = client.get("/readyz");
        assert_eq!(reply.status, status, "{mood:?}");
        let document: ReadyzDocument = reply.json();
        assert_eq!(document.checks.audit, check, "{mood:?}");
        assert_eq!(client.get("/livez").status, 200, "{mood:?}");
    }
}

#[test]
fn readyz_warns_and_is_ready_all_the_same() {
    let server = TestServer::start();
    server.custody.is_overdue.store(true, Ordering::Relaxed);
    let reply = server.client().get("/readyz");
    assert_eq!(reply.status, 200);
    let document: ReadyzDocument = reply.json();
    assert_eq!(document.warnings, ["rotation of \"platform\" is overdue"]);
}

#[test]
fn readyz_is_503_once_the_path_names_another_file() {
    let server = TestServer::start();
    let mut client = server.client();
    let mut socket_check = || {
        let reply = client.get("/readyz");
        (reply.status, reply.json::<ReadyzDocument>().checks.socket)
    };
    assert_eq!(socket_check(), (200, CheckStatus::Ok));
    let aside = server.path.with_extension("aside");
    std::fs::rename(&server.path, &aside).unwrap();
    assert_eq!(socket_check(), (503, CheckStatus::Failing));
    std::fs::write(&server.path, "foreign").unwrap();
    assert_eq!(socket_check(), (503, CheckStatus::Failing));
    let path = server.path.clone();
    drop(client);
    let _dir = server.join();
    assert_eq!(std::fs::read(&path).unwrap(), b"foreign");
}

#[test]
fn metrics_count_requests_and_name_no_keys() {
    let server = TestServer::start();
    let mut client = server.client();
    client.post(&sign_path("k1"), &sign_body());
    client.post(&sign_path("retired"), &sign_body());
    let reply = client.get("/metrics");
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    assert_eq!(reply.header("vary"), Some("accept"));
    let text = reply.text();
    for line in [
        r#"plexsphere_signer_http_requests_total{op="sign",outcome="ok"} 1"#,
        r#"plexsphere_signer_http_requests_total{op="sign",outcome="key_retired"} 1"#,
        "# TYPE plexsphere_signer_http_requests_total counter",
        "plexsphere_signer_http_requests_in_flight 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(!text.contains("k1") && !text.contains("platform"));
}

#[test]
fn metrics_come_as_openmetrics_when_that_is_asked_for() {
    let server = TestServer::start();
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";
    let reply = server.client().call("GET", "/metrics", accept, None);
    assert_eq!(
        reply.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(reply.text().ends_with("# EOF\n"), "{}", reply.text());
}

#[test]
fn a_caller_that_leaves_is_counted_and_leaves_nothing_behind() {
    let server = TestServer::start();
    let mut leaving = server.client();
    let body = sign_body();
    let target = sign_path("hang");
    leaving.write(
        format!(
            "POST {target} HTTP/1.1\r\nHost: s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    );
    let mut client = server.client();
    let mut wait_for = |line: &str| {
        let started = Instant::now();
        while !client
            .get("/metrics")
            .text()
            .lines()
            .any(|found| found == line)
        {
            assert!(started.elapsed() < Duration::from_secs(15), "no {line}");
            std::thread::park_timeout(Duration::from_millis(100));
        }
    };
    wait_for("plexsphere_signer_http_requests_in_flight 2");
    drop(leaving);
    wait_for("plexsphere_signer_http_requests_in_flight 1");
}
