//! What the HTTP parser refuses before there is a request. It is told so like everybody else.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use signer_domain::ports::AuditOutcome;

use crate::support::{Client, Reply, TestServer, sign_body, sign_path};

const UNREADABLE: &str = "head: is not well-formed HTTP/1.1";
const TOO_LARGE: &str = "head: must have at most 96 fields and be at most 131072 bytes long";

/// Heads that cannot be read, each with what it is told.
fn heads() -> Vec<(Vec<u8>, &'static str)> {
    let malformed: [&[u8]; 14] = [
        b"\r\n\r\n\r\n\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff\xfe\xfd\xfc\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET /li vez HTTP/1.1\r\nHost: s\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nHost: t\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nA B: c\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nX: a\0b\r\n\r\n",
        b"POST /v1/sign HTTP/1.1\r\nHost: s\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/sign HTTP/1.1\r\nHost: s\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /v1/sign HTTP/1.0\r\n\r\n",
    ];
    let fields: Vec<_> = (0..97).map(|it| format!("X-{it}: y\r\n")).collect();
    let too_large = [
        format!("GET /livez HTTP/1.1\r\nHost: s\r\n{}\r\n", fields.concat()),
        format!(
            "GET /livez HTTP/1.1\r\nHost: s\r\nX: {}",
            "y".repeat(300_000)
        ),
    ];
    let malformed = malformed.map(|head| (head.to_vec(), UNREADABLE));
    let too_large = too_large.map(|head| (head.into_bytes(), TOO_LARGE));
    malformed.into_iter().chain(too_large).collect()
}

/// A request for a signature, to be smuggled in behind another one.
fn inner() -> String {
    let (target, body) = (sign_path("k1"), sign_body());
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// The answer is a problem of the caller's, and the last one.
fn expect_last(mut client: Client, reply: &Reply, detail: &str) {
    let problem = reply.problem();
    assert_eq!(problem.code.as_str(), "invalid_request", "{reply:?}");
    assert_eq!(problem.detail, detail, "{reply:?}");
    assert_eq!(reply.header("connection"), Some("close"), "{reply:?}");
    assert!(reply.header("date").is_some(), "{reply:?}");
    assert!(client.is_closed());
}

#[test]
fn a_head_that_cannot_be_read_is_a_problem_with_an_id_and_nothing_behind_it_is_carried_out() {
    let server = TestServer::start();
    for (head, detail) in heads() {
        let mut client = server.client();
        client.write(&[&head, inner().as_bytes()].concat());
        let reply = client.read("GET").unwrap();
        expect_last(client, &reply, detail);
    }
    assert_eq!(server.custody.signs.load(Ordering::Relaxed), 0);
}

#[test]
fn what_cannot_be_read_behind_a_request_is_a_problem_after_its_answer() {
    let server = TestServer::start();
    for (front, method) in [
        ("GET /livez HTTP/1.1\r\nHost: s\r\n\r\n", "GET"),
        ("HEAD /livez HTTP/1.1\r\nHost: s\r\n\r\n", "HEAD"),
        (
            "GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "GET",
        ),
        ("GET /nowhere HTTP/1.1\r\nHost: s\r\n\r\n", "GET"),
    ] {
        for (head, detail) in heads() {
            let mut client = server.client();
            client.write(&[front.as_bytes(), &head, inner().as_bytes()].concat());
            assert!([200, 404].contains(&client.read(method).unwrap().status));
            let reply = client.read("GET").unwrap();
            expect_last(client, &reply, detail);
        }
    }
    assert_eq!(server.custody.signs.load(Ordering::Relaxed), 0);
}

#[test]
fn nothing_is_said_behind_an_answer_that_closes_the_connection() {
    let server = TestServer::start();
    let text = "Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n";
    for front in [
        "GET /livez HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n".to_owned(),
        "GET /livez HTTP/1.0\r\n\r\n".to_owned(),
        format!("POST {} HTTP/1.1\r\nHost: s\r\n{text}\r\n", sign_path("k1")),
    ] {
        let mut client = server.client();
        client.write(&[front.as_bytes(), b"BAD\r\n\r\n"].concat());
        client.read("GET").unwrap();
        assert!(client.is_closed(), "{front}");
    }
}

#[test]
fn the_answer_is_whole_even_when_the_caller_was_slow_to_read_those_before_it() {
    let server = TestServer::start();
    let mut client = server.client();
    let front = "GET /openapi.json HTTP/1.1\r\nHost: s\r\n\r\n".repeat(14);
    client.write(&[front.as_bytes(), b"BAD\r\n\r\n"].concat());
    // By the time of this answer the server has long filled what the kernel keeps for the caller.
    assert_eq!(server.client().get("/livez").status, 200);
    for _ in 0..14 {
        assert_eq!(client.read("GET").unwrap().status, 200);
    }
    let reply = client.read("GET").unwrap();
    expect_last(client, &reply, UNREADABLE);
}

#[test]
fn what_cannot_be_read_is_recorded_and_counted_with_the_peer() {
    let server = TestServer::start();
    for (head, _) in heads() {
        let mut client = server.client();
        client.write(&head);
        let problem = client.read("GET").unwrap().problem();
        let entry = server.audit.wait_for_note();
        assert_eq!(entry.request_id, problem.request_id);
        assert_eq!((entry.op, entry.http_status), ("unknown", 400));
        assert_eq!(entry.outcome, AuditOutcome::Invalid);
        assert_eq!(entry.code, Some("invalid_request"));
        let uid = entry.peer.map(|peer| peer.uid);
        assert_eq!(uid, Some(rustix::process::geteuid().as_raw()));
    }
    assert_eq!(server.audit.take_recorded(), []);
    let metrics = server.client().get("/metrics");
    let count = heads().len();
    let line = format!(
        r#"plexsphere_signer_http_requests_total{{op="unknown",outcome="invalid_request"}} {count}"#
    );
    assert!(
        metrics.text().lines().any(|found| found == line),
        "{}",
        metrics.text()
    );
}

#[test]
fn half_a_head_is_a_timeout_and_recorded_but_silence_is_not_recorded() {
    let server = TestServer::start();
    let mut silent = server.client();
    let mut halfway = server.client();
    halfway.write(b"GET /livez HTTP/1.1\r\nHos");
    let reply = halfway.read("GET").unwrap();
    let problem = reply.problem();
    assert_eq!(problem.code.as_str(), "request_timeout");
    assert_eq!(problem.detail, "the head did not arrive in time");
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(halfway.is_closed());
    let reply = silent.read("GET").unwrap();
    assert_eq!(reply.problem().code.as_str(), "request_timeout");
    let entry = server.audit.wait_for_note();
    assert_eq!(entry.request_id, problem.request_id);
    assert_eq!((entry.op, entry.http_status), ("unknown", 408));
    assert_eq!(server.audit.count(), 0);
}

#[test]
fn the_health_listener_says_it_too() {
    let server = TestServer::start();
    let mut stream = TcpStream::connect(server.health).unwrap();
    stream.write_all(b"BAD\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\ncontent-type: application/problem+json\r\n"));
    let entry = server.audit.wait_for_note();
    assert_eq!((entry.http_status, entry.peer), (400, None));
    assert!(answer.contains(&format!("\r\nx-request-id: {}\r\n", entry.request_id)));
}
