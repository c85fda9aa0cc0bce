//! One entry for every request, whatever becomes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signer_domain::ports::{AuditEntry, AuditKey, AuditOutcome, AuditPeer};
use signer_domain::{Digest, KeyId, ProviderName, Scope, Signature};

use crate::support::{
    Client, Mood, Options, PLENTY, SLOWNESS, TestServer, digest, handle, sign_body, sign_path,
};

const SHORT: Options = Options {
    request_deadline: Duration::from_millis(600),
    drain_timeout: Duration::from_secs(20),
    idle_limit: Duration::from_secs(2),
    memory_budget: PLENTY,
};

/// Everything that is known of a key of the platform.
fn known(name: &str) -> AuditKey {
    AuditKey {
        key_id: KeyId::parse(name).ok(),
        scope: Some(Scope::Platform),
        ..named(name)
    }
}

/// What the handle of a key alone tells.
fn named(name: &str) -> AuditKey {
    AuditKey {
        handle_id: Some(handle(name)),
        provider: Some(ProviderName::new("software")),
        ..AuditKey::default()
    }
}

fn in_platform() -> AuditKey {
    AuditKey {
        scope: Some(Scope::Platform),
        ..AuditKey::default()
    }
}

fn parsed_digest() -> Digest {
    Digest::from_base64(&digest()).unwrap()
}

/// Announces `length` bytes of JSON for a signature by `name`.
fn announce(name: &str, length: usize) -> String {
    let target = sign_path(name);
    format!(
        "POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// What an entry says of how the request ended.
fn ending(entry: &AuditEntry) -> (&str, &str, u16, Option<&str>) {
    let outcome = entry.outcome.as_str();
    (entry.op, outcome, entry.http_status, entry.code)
}

#[test]
fn a_signature_leaves_everything_that_identifies_it() {
    let server = TestServer::start();
    let headers = "Content-Type: application/json\r\nX-Request-Id: job-7\r\n";
    let body = sign_body();
    let mut client = server.client();
    let reply = client.call("POST", &sign_path("k1"), headers, Some(&body));
    assert_eq!(reply.status, 200);
    let entry = server.audit.take_one();
    assert_eq!(ending(&entry), ("sign", "ok", 200, None));
    assert_eq!(entry.request_id, "job-7");
    assert_eq!(entry.key, known("k1"));
    assert_eq!(entry.digest, Some(parsed_digest()));
    let signature = Signature::from_bytes(*parsed_digest().as_bytes());
    assert_eq!(entry.signature, Some(signature));
    assert_eq!(entry.items, []);
    let myself = AuditPeer {
        uid: rustix::process::geteuid().as_raw(),
        gid: rustix::process::getegid().as_raw(),
        pid: std::process::id(),
    };
    assert_eq!(entry.peer, Some(myself));
    assert!(entry.latency < Duration::from_secs(5));
}

#[test]
fn a_scope_level_signature_names_the_key_that_signed() {
    let server = TestServer::start();
    let target = "/v1/scopes/platform/sign";
    assert_eq!(server.client().post(target, &sign_body()).status, 200);
    let entry = server.audit.take_one();
    assert_eq!(ending(&entry), ("sign_scope", "ok", 200, None));
    assert_eq!(entry.key, known("current"));
}

#[test]
fn a_refused_signature_names_what_is_known_of_it() {
    let server = TestServer::start();
    let mut client = server.client();
    for (name, outcome, status, code) in [
        ("unknown", "invalid", 404, "key_not_found"),
        ("retired", "invalid", 410, "key_retired"),
        ("rotating", "invalid", 409, "rotation_in_progress"),
        ("not-permitted", "invalid", 400, "scope_not_permitted"),
        ("flooded", "unavailable", 429, "overloaded"),
        ("provider-down", "unavailable", 503, "provider_unavailable"),
        ("registry-down", "unavailable", 503, "registry_unavailable"),
        ("late", "unavailable", 504, "deadline_exceeded"),
        ("wrong", "error", 500, "signature_check_failed"),
        ("broken", "error", 500, "internal"),
        ("panic", "error", 500, "internal"),
    ] {
        assert_eq!(client.post(&sign_path(name), &sign_body()).status, status);
        let entry = server.audit.take_one();
        assert_eq!(ending(&entry), ("sign", outcome, status, Some(code)));
        assert_eq!(entry.key, named(name), "{name}");
        assert_eq!(entry.digest, Some(parsed_digest()), "{name}");
        assert_eq!(entry.signature, None, "{name}");
    }
}

#[test]
fn every_other_call_leaves_its_own_entry() {
    let server = TestServer::start();
    let mut client = server.client();
    let k1 = "/v1/keys/software%3Aplatform%7Ck1";
    let platform = "/v1/scopes/platform";
    let wanted = AuditKey {
        key_id: KeyId::parse("retired").ok(),
        ..in_platform()
    };
    for (target, body, op, key) in [
        (
            "/v1/keys".to_owned(),
            Some(r#"{"scope":"platform","key_id":"k1"}"#),
            "generate",
            known("k1"),
        ),
        (
            "/v1/keys".to_owned(),
            Some(r#"{"scope":"platform","key_id":"retired"}"#),
            "generate",
            wanted.clone(),
        ),
        ("/v1/keys".to_owned(), None, "list", AuditKey::default()),
        (
            "/v1/keys?scope=platform".to_owned(),
            None,
            "list",
            in_platform(),
        ),
        (k1.to_owned(), None, "show", known("k1")),
        (format!("{k1}/public-key"), None, "public_key", known("k1")),
        (format!("{k1}/retire"), Some("{}"), "retire", known("k1")),
        (
            format!("{platform}/rotations"),
            Some(r#"{"new_key_id":"k2"}"#),
            "rotation_open",
            known("k2"),
        ),
        (
            format!("{platform}/rotations"),
            Some(r#"{"new_key_id":"retired"}"#),
            "rotation_open",
            wanted.clone(),
        ),
        (
            format!("{platform}/rotations/current"),
            None,
            "rotation_show",
            in_platform(),
        ),
        (
            format!("{platform}/rotations/close"),
            Some(r#"{"old_key_id":"k1","new_key_id":"k2"}"#),
            "rotation_close",
            known("k1"),
        ),
        (
            format!("{platform}/rotations/close"),
            Some(r#"{"old_key_id":"retired","new_key_id":"k2"}"#),
            "rotation_close",
            wanted,
        ),
        (format!("{platform}/jwks"), None, "jwks", in_platform()),
    ] {
        let reply = match body {
            Some(body) => client.post(&target, body),
            None => client.get(&target),
        };
        let entry = server.audit.take_one();
        assert_eq!(
            (entry.op, entry.http_status),
            (op, reply.status),
            "{target}"
        );
        assert_eq!(entry.key, key, "{target} {body:?}");
        assert_eq!((entry.digest, entry.signature), (None, None), "{target}");
    }
}

#[test]
fn what_names_no_call_and_what_breaks_the_contract_is_recorded_too() {
    let server = TestServer::start_with(SHORT);
    let json = "Content-Type: application/json\r\n";
    let sign = sign_path("k1");
    let late = announce("k1", 100);
    let large = announce("k1", 64 * 1024 + 1);
    let request = |method: &str, target: &str, headers: &str| {
        format!("{method} {target} HTTP/1.1\r\nHost: s\r\n{headers}\r\n")
    };
    for (bytes, op, status, code, key) in [
        (
            request("GET", "/nowhere", ""),
            "unknown",
            404,
            "not_found",
            AuditKey::default(),
        ),
        (
            request("PUT", &sign, ""),
            "unknown",
            405,
            "method_not_allowed",
            AuditKey::default(),
        ),
        (
            request("GET", "/v1/keys?limit=0", ""),
            "list",
            400,
            "invalid_request",
            AuditKey::default(),
        ),
        (
            request("GET", "/v1/keys/nonsense", ""),
            "show",
            400,
            "invalid_request",
            AuditKey::default(),
        ),
        (
            request("POST", &sign, json),
            "sign",
            400,
            "invalid_request",
            named("k1"),
        ),
        (
            format!("{}{{}}", announce("k1", 2)),
            "sign",
            400,
            "invalid_request",
            named("k1"),
        ),
        (
            request(
                "POST",
                &sign,
                "Content-Type: text/plain\r\nContent-Length: 2\r\n",
            ) + "{}",
            "sign",
            415,
            "unsupported_media_type",
            named("k1"),
        ),
        (large, "sign", 413, "payload_too_large", named("k1")),
        (late, "sign", 408, "request_timeout", named("k1")),
    ] {
        let mut client = server.client();
        client.write(bytes.as_bytes());
        assert_eq!(client.read("POST").unwrap().problem().code.as_str(), code);
        let entry = server.audit.take_one();
        assert_eq!(
            ending(&entry),
            (op, "invalid", status, Some(code)),
            "{bytes}"
        );
        assert_eq!(entry.key, key, "{bytes}");
        assert_eq!(entry.digest, None, "{bytes}");
    }
    let hung = server.client().post(&sign_path("hang"), &sign_body());
    assert_eq!(hung.problem().code.as_str(), "deadline_exceeded");
    let entry = server.audit.take_one();
    let expected = ("sign", "unavailable", 504, Some("deadline_exceeded"));
    assert_eq!(ending(&entry), expected);
    assert_eq!(
        (entry.key, entry.digest),
        (named("hang"), Some(parsed_digest()))
    );
}

#[test]
fn probes_metrics_and_the_document_leave_no_entry() {
    let server = TestServer::start();
    let mut client = server.client();
    for target in ["/livez", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(client.get(target).status, 200);
        assert_eq!(client.call("HEAD", target, "", None).status, 200);
    }
    assert_eq!(server.audit.take_recorded(), []);
    assert_eq!(server.audit.take_noted(), []);
}

#[test]
fn nothing_is_recorded_when_no_record_is_kept() {
    let server = TestServer::start();
    server.audit.set(Mood::Off);
    let mut client = server.client();
    assert_eq!(client.post(&sign_path("k1"), &sign_body()).status, 200);
    assert_eq!(client.get("/nowhere").status, 404);
    assert_eq!(client.post(&sign_path("panic"), &sign_body()).status, 500);
    assert_eq!(server.audit.take_recorded(), []);
    assert_eq!(server.audit.take_noted(), []);
}

#[test]
fn a_batch_is_one_entry_with_its_items_in_order() {
    let server = TestServer::start();
    let digest = digest();
    let item = |target: &str| format!(r#"{{{target},"digest":"{digest}"}}"#);
    let items = [
        item(r#""handle_id":"software:platform|k1""#),
        item(r#""handle_id":"software:platform|retired""#),
        item(r#""scope":"platform""#),
    ];
    let body = format!(r#"{{"items":[{}]}}"#, items.join(","));
    assert_eq!(server.client().post("/v1/sign", &body).status, 200);
    let entry = server.audit.take_one();
    assert_eq!(ending(&entry), ("sign_batch", "ok", 200, None));
    assert_eq!((entry.key, entry.digest), (AuditKey::default(), None));
    let signature = Signature::from_bytes(*parsed_digest().as_bytes());
    let items: Vec<_> = entry
        .items
        .into_iter()
        .map(|item| {
            assert_eq!(item.digest, parsed_digest());
            (item.key, item.signature, item.code)
        })
        .collect();
    assert_eq!(
        items,
        [
            (known("k1"), Some(signature), None),
            (named("retired"), None, Some("key_retired")),
            (known("current"), Some(signature), None),
        ]
    );
}

#[test]
fn a_batch_that_is_refused_whole_or_hangs_leaves_its_items() {
    let server = TestServer::start_with(SHORT);
    for (name, code) in [
        ("flooded-batch", "overloaded"),
        ("hang", "deadline_exceeded"),
        ("panic", "internal"),
    ] {
        let digest = digest();
        let body = format!(
            r#"{{"items":[{{"handle_id":"software:platform|{name}","digest":"{digest}"}}]}}"#
        );
        let reply = server.client().post("/v1/sign", &body);
        assert_eq!(reply.problem().code.as_str(), code);
        let entry = server.audit.take_one();
        assert_eq!(entry.code, Some(code));
        assert_eq!(entry.items.len(), 1, "{name}");
        assert_eq!(entry.items[0].key, named(name));
        assert_eq!(
            (entry.items[0].signature, entry.items[0].code),
            (None, None)
        );
    }
}

#[test]
fn a_caller_that_leaves_before_the_answer_is_noted() {
    let server = TestServer::start();
    let mut client = server.client();
    let body = sign_body();
    let livez = "GET /livez HTTP/1.1\r\nHost: s\r\n\r\n";
    let sign = announce("hang", body.len());
    client.write(format!("{livez}{sign}{body}").as_bytes());
    while server.custody.signs.load(Ordering::Relaxed) == 0 {
        std::thread::yield_now();
    }
    // The answer to the probe is on its way. Unfetched when the client goes, it makes the kernel report
    // the connection as reset rather than as half closed.
    std::thread::park_timeout(Duration::from_millis(100));
    drop(client);
    let entry = server.audit.wait_for_note();
    assert_eq!(ending(&entry), ("sign", "client_gone", 499, None));
    assert_eq!(
        (entry.key, entry.digest),
        (named("hang"), Some(parsed_digest()))
    );
    assert_eq!(server.audit.take_recorded(), []);
}

#[test]
fn a_body_that_breaks_off_is_recorded_as_it_is_answered() {
    let server = TestServer::start();
    for listens in [true, false] {
        let mut client = server.client();
        client.write(format!("{}{{\"dig", announce("k1", 100)).as_bytes());
        std::thread::park_timeout(Duration::from_millis(100));
        if listens {
            client.finish_writing();
            let answer = client.read("POST").unwrap();
            assert_eq!(answer.status, 400);
            assert_eq!(answer.problem().code.as_str(), "invalid_request");
        }
        drop(client);
        let entry = server.audit.wait_for_note();
        let code = Some("invalid_request");
        assert_eq!(ending(&entry), ("sign", "invalid", 400, code));
        assert_eq!(entry.key, named("k1"));
    }
    let metrics = server.client().get("/metrics");
    let line = r#"plexsphere_signer_http_requests_total{op="sign",outcome="invalid_request"} 2"#;
    assert!(metrics.text().contains(line), "{}", metrics.text());
}

#[test]
fn the_deadline_of_a_request_does_not_cut_its_recording_short() {
    let server = TestServer::start_with(SHORT);
    assert!(SLOWNESS > SHORT.request_deadline);
    server.audit.set(Mood::Slow);
    let reply = server.client().post(&sign_path("k1"), &sign_body());
    assert_eq!(reply.status, 200);
    let entry = server.audit.take_one();
    assert_eq!(entry.outcome, AuditOutcome::Ok);
    assert!(entry.latency < SLOWNESS, "{:?}", entry.latency);
}

#[test]
fn what_is_in_flight_at_a_stop_is_recorded_before_the_server_ends() {
    let mut server = TestServer::start_with(Options {
        drain_timeout: Duration::from_millis(1500),
        ..Options::default()
    });
    server.audit.set(Mood::Slow);
    let mut clients: Vec<_> = ["slow", "hang"]
        .into_iter()
        .map(|name| {
            let mut client = server.client();
            let body = sign_body();
            client.write(format!("{}{body}", announce(name, body.len())).as_bytes());
            client
        })
        .collect();
    assert_eq!(server.client().get("/livez").status, 200);
    server.stop();
    let statuses = clients
        .iter_mut()
        .map(|client| client.read("POST").unwrap().status);
    assert_eq!(statuses.collect::<Vec<_>>(), [200, 503]);
    let audit = Arc::clone(&server.audit);
    server.join();
    let entries = audit.take_recorded();
    let mut endings: Vec<_> = entries.iter().map(ending).collect();
    endings.sort_unstable();
    assert_eq!(
        endings,
        [
            ("sign", "ok", 200, None),
            ("sign", "unavailable", 503, Some("draining")),
        ]
    );
    assert_eq!(audit.take_noted(), []);
}

#[test]
fn there_are_as_many_entries_as_requests() {
    const CLIENTS: usize = 8;
    const ROUNDS: usize = 25;
    let server = TestServer::start();
    let requests = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (path, requests) = (server.path.clone(), Arc::clone(&requests));
            std::thread::spawn(move || {
                for _ in 0..ROUNDS {
                    requests.fetch_add(mix(&mut || Client::connect(&path)), Ordering::Relaxed);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let expected = requests.load(Ordering::Relaxed);
    let audit = Arc::clone(&server.audit);
    // Nobody waited for the requests of those who left.
    let started = Instant::now();
    while audit.count() < expected && started.elapsed() < Duration::from_secs(10) {
        std::thread::park_timeout(Duration::from_millis(10));
    }
    server.join();
    assert_eq!(audit.count(), expected);
    let recorded = audit.take_recorded();
    for outcome in [
        AuditOutcome::Ok,
        AuditOutcome::Invalid,
        AuditOutcome::Unavailable,
        AuditOutcome::Error,
    ] {
        let is_there = recorded.iter().any(|entry| entry.outcome == outcome);
        assert!(is_there, "{outcome:?}");
    }
}

/// Sends one request of each kind and tells how many they were.
fn mix(connect: &mut impl FnMut() -> Client) -> usize {
    let body = sign_body();
    let mut client = connect();
    let mut requests = 0;
    for name in ["k1", "retired", "flooded", "broken", "panic", "yield"] {
        client.post(&sign_path(name), &body);
        requests += 1;
    }
    for target in ["/nowhere", "/v1/keys", "/livez", "/v1/scopes/platform/jwks"] {
        client.get(target);
        requests += usize::from(target != "/livez");
    }
    client.call("DELETE", "/v1/keys", "", None);
    let mut refused = connect();
    refused.write(announce("k1", 1024 * 1024).as_bytes());
    refused.read("POST").unwrap();
    let mut leaving = connect();
    leaving.write(format!("{}{{", announce("k1", 100)).as_bytes());
    requests + 3
}
