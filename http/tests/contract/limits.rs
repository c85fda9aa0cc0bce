//! What one request may take: time and space.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::support::{Client, Mood, Options, PLENTY, TestServer, sign_body, sign_path};

const SHORT: Options = Options {
    request_deadline: Duration::from_millis(600),
    drain_timeout: Duration::from_secs(20),
    idle_limit: Duration::from_secs(2),
    memory_budget: PLENTY,
};

fn announce(length: usize) -> String {
    let target = sign_path("k1");
    format!(
        "POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[test]
fn a_body_that_does_not_come_is_408() {
    let server = TestServer::start_with(SHORT);
    let mut client = server.client();
    let started = Instant::now();
    client.write(announce(100).as_bytes());
    let reply = client.read("POST").unwrap();
    assert_eq!(reply.problem().code.as_str(), "request_timeout");
    assert!(started.elapsed() >= SHORT.request_deadline);
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(reply.header("connection"), Some("close"));
    assert!(client.is_closed());
}

#[test]
fn a_body_that_trickles_in_is_408() {
    let server = TestServer::start_with(SHORT);
    let mut stream = UnixStream::connect(&server.path).unwrap();
    stream.write_all(announce(60_000).as_bytes()).unwrap();
    let mut reader = Client::from(stream.try_clone().unwrap());
    let trickle = std::thread::spawn(move || {
        let pause = Duration::from_millis(50);
        for _ in 0..40 {
            if stream.write_all(b" ").is_err() {
                break;
            }
            std::thread::park_timeout(pause);
        }
    });
    assert_eq!(
        reader.read("POST").unwrap().problem().code.as_str(),
        "request_timeout"
    );
    trickle.join().unwrap();
}

#[test]
fn a_pipelined_body_that_does_not_come_is_408_too() {
    let server = TestServer::start_with(SHORT);
    let mut client = server.client();
    let bytes = format!("GET /livez HTTP/1.1\r\nHost: s\r\n\r\n{}", announce(100));
    client.write(bytes.as_bytes());
    assert_eq!(client.read("GET").unwrap().status, 200);
    assert_eq!(
        client.read("POST").unwrap().problem().code.as_str(),
        "request_timeout"
    );
}

#[test]
fn a_refused_body_in_chunks_that_never_ends_does_not_keep_its_connection() {
    let server = TestServer::start_with(SHORT);
    for (target, code) in [
        (sign_path("k1"), "request_timeout"),
        ("/nowhere".to_owned(), "not_found"),
    ] {
        let started = Instant::now();
        let mut client = server.client();
        client.write(
            format!("POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n66\r\n{{").as_bytes(),
        );
        let reply = client.read("POST").unwrap();
        assert_eq!(reply.problem().code.as_str(), code);
        assert_eq!(reply.header("connection"), Some("close"));
        assert!(client.is_closed());
        assert!(started.elapsed() < Duration::from_secs(4));
    }
}

#[test]
fn a_key_that_hangs_is_504_and_holds_up_nobody_else() {
    let server = TestServer::start_with(SHORT);
    let mut hanging: Vec<_> = (0..8).map(|_| server.client()).collect();
    let body = sign_body();
    let target = sign_path("hang");
    for client in &mut hanging {
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        client.write(head.as_bytes());
    }
    let started = Instant::now();
    assert_eq!(
        server.client().post(&sign_path("k1"), &sign_body()).status,
        200
    );
    assert!(started.elapsed() < SHORT.request_deadline);
    for client in &mut hanging {
        let problem = client.read("POST").unwrap().problem();
        assert_eq!(problem.code.as_str(), "deadline_exceeded");
        assert_eq!(problem.detail, "signing: deadline exceeded");
    }
}

#[test]
fn a_body_above_the_limit_is_413_announced_or_not() {
    let server = TestServer::start();
    let mut client = server.client();
    client.write(announce(64 * 1024 + 1).as_bytes());
    assert_eq!(
        client.read("POST").unwrap().problem().code.as_str(),
        "payload_too_large"
    );
    let mut client = server.client();
    let target = sign_path("k1");
    client.write(
        format!("POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes(),
    );
    let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
    for _ in 0..17 {
        client.write(chunk.as_bytes());
    }
    assert_eq!(
        client.read("POST").unwrap().problem().code.as_str(),
        "payload_too_large"
    );
}

#[test]
fn a_batch_may_be_half_a_mebibyte_long() {
    let server = TestServer::start();
    let padded = |length: usize| format!("{{{}", " ".repeat(length - 1));
    let reply = server.client().post("/v1/sign", &padded(512 * 1024));
    assert_eq!(reply.problem().code.as_str(), "invalid_request");
    let reply = server.client().post("/v1/sign", &padded(512 * 1024 + 1));
    assert_eq!(reply.problem().code.as_str(), "payload_too_large");
    let reply = server.client().post("/v1/keys", &padded(64 * 1024));
    assert_eq!(reply.problem().code.as_str(), "invalid_request");
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let server = TestServer::start();
    let headers = format!("X-Filler: {}\r\n", "x".repeat(33_000));
    let reply = server.client().call("GET", "/livez", &headers, None);
    assert_eq!(reply.problem().code.as_str(), "invalid_request");
}

#[test]
fn idle_connections_cost_the_others_nothing() {
    let server = TestServer::start();
    let idle: Vec<_> = (0..400)
        .map(|_| UnixStream::connect(&server.path).unwrap())
        .collect();
    let started = Instant::now();
    assert_eq!(
        server.client().post(&sign_path("k1"), &sign_body()).status,
        200
    );
    assert!(started.elapsed() < Duration::from_millis(500));
    drop(idle);
}

#[test]
fn a_body_in_broken_chunks_is_told_so_and_recorded() {
    let server = TestServer::start();
    server.audit.set(Mood::Slow);
    for expect in ["", "Expect: 100-continue\r\n"] {
        for chunks in [
            "zz\r\n",
            "5\r\n     \r\nzz\r\n",
            "5\r\n      ",
            "FFFFFFFFFFFFFFFFFF\r\n",
        ] {
            let mut client = server.client();
            let target = sign_path("k1");
            let head = format!(
                "POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n{expect}\r\n"
            );
            client.write(format!("{head}{chunks}").as_bytes());
            let mut reply = client.read("POST").unwrap();
            if reply.status == 100 {
                reply = client.read("POST").unwrap();
            }
            let problem = reply.problem();
            assert_eq!(problem.code.as_str(), "invalid_request", "{chunks}");
            assert_eq!(problem.detail, "body: broke off or is framed wrongly");
            assert_eq!(reply.header("connection"), Some("close"));
            assert!(client.is_closed());
            let entry = server.audit.wait_for_note();
            assert_eq!((entry.op, entry.http_status), ("sign", 400));
            assert_eq!(entry.request_id, problem.request_id);
        }
    }
}
