//! What callers may take up: connections and memory. Whatever they do, they take no more, and a small
//! request is answered beside it.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use signer_domain::ports::{AuditEntry, AuditOutcome};

use crate::support::{
    CROWD, Client, Options, TestServer, as_stranger, crowded, sign_body, sign_path,
};

const MIB: usize = 1024 * 1024;
const NARROW: Options = Options {
    request_deadline: Duration::from_secs(10),
    drain_timeout: Duration::from_secs(20),
    idle_limit: Duration::from_secs(2),
    memory_budget: 12 * MIB,
};
/// Asks to be told before the body is sent. Who is refused is not told to go on first.
const EXPECT: &str = "Expect: 100-continue\r\n";
/// What one connection counts for.
const CONNECTION: usize = 32 * 1024;

fn server() -> TestServer {
    let server = TestServer::start_with(NARROW);
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(server.dir.path(), everybody).unwrap();
    server
}

/// A connection on which these bytes were sent, as far as the other side took them.
fn send(path: &Path, bytes: &[u8]) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream
        .set_write_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    drop((&stream).write_all(bytes));
    stream
}

fn half_head() -> Vec<u8> {
    let field = format!("X-Filler: {}\r\n", "x".repeat(100_000));
    format!("GET /v1/keys HTTP/1.1\r\nHost: s\r\n{field}").into_bytes()
}

fn half_batch() -> Vec<u8> {
    let body = format!(r#"{{"items":[{{"reference":"{}"#, "a".repeat(400_000));
    let head = "POST /v1/sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: 500000\r\n\r\n{body}").into_bytes()
}

fn lists_never_read() -> Vec<u8> {
    "GET /v1/keys?limit=1000 HTTP/1.1\r\nHost: s\r\n\r\n"
        .repeat(16)
        .into_bytes()
}

fn key_sets_never_read() -> Vec<u8> {
    let scope = crowded().to_string().replace(':', "%3A");
    format!("GET /v1/scopes/{scope}/jwks HTTP/1.1\r\nHost: s\r\n\r\n").into_bytes()
}

/// A number that the health listener shows.
fn gauge(server: &TestServer, name: &str) -> usize {
    let mut stream = std::net::TcpStream::connect(server.health).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.unwrap().trim().parse().unwrap()
}

/// How much callers have taken up, as it is counted.
fn taken_up(server: &TestServer) -> usize {
    let connections = gauge(server, "plexsphere_signer_http_connections ");
    let held = gauge(server, "plexsphere_signer_http_memory_held_bytes ");
    assert!(held <= NARROW.memory_budget, "{held}");
    assert!(
        connections * CONNECTION <= NARROW.memory_budget / 2 + 64 * CONNECTION,
        "{connections}"
    );
    held
}

fn signs(server: &TestServer) {
    let reply = server.client().post(&sign_path("k1"), &sign_body());
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[test]
fn whatever_callers_hold_they_hold_no_more_than_the_budget_and_give_it_back() {
    type Load = (&'static str, fn() -> Vec<u8>, usize);
    let loads: [Load; 5] = [
        ("silence", Vec::new, 600),
        ("half heads", half_head, 120),
        ("half batches", half_batch, 60),
        ("lists that are not read", lists_never_read, 60),
        ("key sets that are not read", key_sets_never_read, 60),
    ];
    for (name, load, crowd) in loads {
        let server = server();
        let mut held = 0;
        let bytes = load();
        let mut connections = Vec::new();
        for number in 0..crowd {
            connections.push(send(&server.path, &bytes));
            if number % 20 == 19 {
                held = held.max(taken_up(&server));
                signs(&server);
            }
        }
        let reserves = name != "silence";
        assert_eq!(held > 0, reserves, "{name}: {held}");
        drop(connections);
        let started = Instant::now();
        while taken_up(&server) > 0 {
            assert!(started.elapsed() < Duration::from_secs(30), "{name}");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        signs(&server);
    }
}

#[test]
fn a_batch_for_which_there_is_no_room_is_429_before_its_body_is_read() {
    let server = server();
    let half_batch = half_batch();
    let hoards: Vec<_> = (0..8).map(|_| send(&server.path, &half_batch)).collect();
    let head = "POST /v1/sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n";
    for expect in ["", EXPECT] {
        let mut client = server.client();
        client.write(format!("{head}Content-Length: 500000\r\n{expect}\r\n").as_bytes());
        let reply = client.read("POST").unwrap();
        assert_eq!(reply.problem().code.as_str(), "overloaded");
        assert_eq!(reply.header("retry-after"), Some("1"));
    }
    signs(&server);
    drop(hoards);
}

#[test]
fn strangers_leave_room_for_others() {
    let server = server();
    let path = server.path.clone();
    let (crowd, denied) = as_stranger(move || {
        let mut crowd: Vec<_> = (0..100).map(|_| send(&path, &half_head())).collect();
        crowd.extend((0..400).filter_map(|_| UnixStream::connect(&path).ok()));
        let mut client = Client::connect(&path);
        client.write(b"GET /v1/keys HTTP/1.1\r\nHost: s\r\n\r\n");
        (crowd, client)
    });
    assert_eq!(crowd.len(), 500);
    signs(&server);
    let started = Instant::now();
    while gauge(&server, "plexsphere_signer_http_connections ") > 8 {
        assert!(started.elapsed() < Duration::from_secs(30), "they stay");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    drop((crowd, denied));
}

#[test]
fn a_stranger_is_closed_after_its_denial_and_not_asked_for_its_body() {
    // One of its own: for want of a place a stranger is hung up on without a word.
    let server = server();
    let head = format!("POST {} HTTP/1.1\r\nHost: s\r\n{EXPECT}", sign_path("k1"));
    let waiting = format!("{head}Content-Length: 500\r\n\r\n").into_bytes();
    for request in [half_batch(), waiting] {
        let path = server.path.clone();
        let mut closed = as_stranger(move || {
            let mut client = Client::connect(&path);
            client.write(&request);
            client
        });
        let reply = closed.read("POST").unwrap();
        assert_eq!(reply.problem().code.as_str(), "denied");
        assert_eq!(reply.header("connection"), Some("close"));
        assert!(closed.is_closed());
    }
}

#[test]
fn what_a_stranger_repeats_is_counted_in_one_entry_and_slowed() {
    const ASKED: u64 = 28;
    let mut server = server();
    let path = server.path.clone();
    let started = Instant::now();
    as_stranger(move || {
        for _ in 0..ASKED {
            let mut client = Client::connect(&path);
            assert_eq!(client.get("/v1/keys").status, 403);
        }
    });
    let slowed = started.elapsed();
    server.stop();
    let audit = std::sync::Arc::clone(&server.audit);
    server.join();
    let mut entries: Vec<AuditEntry> = audit.take_recorded();
    entries.extend(audit.take_noted());
    assert!(entries.len() <= 20, "{}", entries.len());
    let counts = entries.iter().map(|entry| entry.count.map_or(1, u64::from));
    assert_eq!(counts.sum::<u64>(), ASKED);
    assert!(
        entries.iter().all(|it| it.outcome == AuditOutcome::Denied
            && it.peer.is_some_and(|peer| peer.uid == 65534))
    );
    assert!(slowed > Duration::from_secs(2), "{slowed:?}");
}

#[test]
fn a_key_set_of_many_keys_is_sent_in_parts_and_is_whole() {
    let server = server();
    let scope = crowded().to_string().replace(':', "%3A");
    let mut stream = UnixStream::connect(&server.path).unwrap();
    let request = format!("GET /v1/scopes/{scope}/jwks HTTP/1.1\r\nHost: s\r\n");
    stream
        .write_all(format!("{request}Connection: close\r\n\r\n").as_bytes())
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let mut document = String::new();
    let mut rest = body;
    loop {
        let (size, text) = rest.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            break;
        }
        document.push_str(&text[..size]);
        rest = text[size..].strip_prefix("\r\n").unwrap();
    }
    let set: serde_json::Value = serde_json::from_str(&document).unwrap();
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), usize::try_from(CROWD).unwrap());
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(key["kid"], format!("software:platform|k{number}"));
    }
}
