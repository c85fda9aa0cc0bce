//! HTTP as the built program speaks it: every answer is that to its own request, nothing behind the last
//! request is done, and callers who are slow, silent or many are dealt with as the documents say.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod pipelines;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use signer_test_support::{K1, Server, Workplace, pause, shipped, sign_request};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

fn start(place: &Workplace, flags: &[&str]) -> Server {
    let program = shipped!();
    let server = Server::start(&program, place, flags);
    server.generate("k1");
    server
}

#[test]
fn nobody_is_asked_for_a_body_that_is_refused() {
    let place = Workplace::with_seed();
    let server = start(&place, &[]);
    let json = "Content-Type: application/json\r\n";
    for (line, fields, status) in [
        ("POST /nowhere", "Content-Length: 9\r\n".to_owned(), 404),
        ("PUT /v1/keys", "Content-Length: 9\r\n".to_owned(), 405),
        ("GET /v1/keys", "Content-Length: 9\r\n".to_owned(), 400),
        ("POST /v1/keys", "Content-Length: 9\r\n".to_owned(), 415),
        (
            "POST /v1/keys",
            format!("{json}Content-Length: 70000\r\n"),
            413,
        ),
        (
            "POST /v1/sign",
            format!("{json}Content-Length: 600000\r\n"),
            413,
        ),
    ] {
        let mut connection = server.connect();
        let head = format!("{line} HTTP/1.1\r\nHost: s\r\n{fields}Expect: 100-continue\r\n\r\n");
        connection.send(head.as_bytes()).unwrap();
        let refused = connection.receive().unwrap();
        assert_eq!(refused.status, status, "{head}");
        assert_eq!(refused.header("connection"), Some("close"), "{head}");
        assert!(connection.is_closed(), "{head}");
    }
    let mut connection = server.connect();
    let body = sign_request(&[7; 64]);
    let head = format!(
        "POST {K1}/sign HTTP/1.1\r\nHost: s\r\n{json}Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    for _ in 0..2 {
        connection.send(head.as_bytes()).unwrap();
        assert_eq!(connection.receive().unwrap().status, 100);
        connection.send(body.as_bytes()).unwrap();
        assert_eq!(connection.receive().unwrap().status, 200);
    }
}

/// How many requests are recorded that were answered so.
fn recorded(place: &Workplace, op: &str, status: u16) -> usize {
    let log = fs::read_to_string(place.file("audit.jsonl")).unwrap();
    let lines = log.lines().map(serde_json::from_str::<Value>);
    lines
        .map(Result::unwrap)
        .filter(|entry| entry["op"] == op && entry["http_status"] == status)
        .count()
}

#[test]
fn half_a_head_is_told_and_recorded_whichever_way_it_came_and_an_idle_connection_is_kept() {
    let place = Workplace::with_seed();
    let mut server = start(&place, &[]);
    let livez = "GET /livez HTTP/1.1\r\nHost: s\r\n\r\n";
    let half = "GET /livez HTTP/1.1\r\nHos";
    let mut idle = server.connect();
    idle.ask("GET", "/livez", None).unwrap();
    let ways: [&[&str]; 7] = [
        &[half],
        &[&livez[..livez.len() - 1]],
        &[livez, half],
        &[livez, "\r\n"],
        &[livez, livez, "G"],
        &[&format!("{livez}{half}")],
        &[&format!("{livez}{livez}G")],
    ];
    let callers: Vec<_> = ways
        .iter()
        .map(|pieces| {
            let mut stream = UnixStream::connect(server.socket()).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            for piece in *pieces {
                stream.write_all(piece.as_bytes()).unwrap();
                pause(Duration::from_millis(30));
            }
            stream
        })
        .collect();
    for (mut stream, pieces) in callers.into_iter().zip(ways) {
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        let whole = pieces.concat().matches(livez).count();
        assert_eq!(
            answers.matches("HTTP/1.1 200 OK").count(),
            whole,
            "{pieces:?}"
        );
        assert_eq!(
            answers.matches("HTTP/1.1 408 ").count(),
            1,
            "{pieces:?}: {answers}"
        );
    }
    // A connection on which nothing was said behind an answer has outlasted them all.
    assert_eq!(idle.ask("GET", "/livez", None).unwrap().status, 200);
    server.terminate();
    assert_eq!(recorded(&place, "unknown", 408), ways.len());
}

#[test]
fn a_head_that_is_completed_at_the_last_moment_is_done_and_answered_or_told_to_be_late() {
    const LIMIT: Duration = Duration::from_secs(5);
    const BEFORE: Duration = Duration::from_millis(4980);
    let place = Workplace::with_seed();
    let mut server = start(&place, &[]);
    let body = sign_request(&[7; 64]);
    let json = "Content-Type: application/json\r\nConnection: close\r\n";
    let half = format!(
        "POST {K1}/sign HTTP/1.1\r\nHost: s\r\n{json}Content-Length: {}\r\n",
        body.len()
    );
    let rest = format!("\r\n{body}");
    let socket = server.socket();
    // Most of them within some milliseconds of the limit, and one on each side with time to spare.
    let around = (0..160).map(|step| BEFORE + Duration::from_micros(500) * step);
    let moments = [LIMIT / 2].into_iter().chain(around).chain([LIMIT * 2]);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let callers: Vec<_> = moments
            .map(|moment| {
                let (half, rest) = (&half, &rest);
                scope.spawn(move || {
                    let mut stream = UnixStream::connect(socket).unwrap();
                    let began = Instant::now();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    stream.write_all(half.as_bytes()).unwrap();
                    pause(moment.saturating_sub(began.elapsed()));
                    // It may have been hung up on.
                    drop(stream.write_all(rest.as_bytes()));
                    let mut answer = String::new();
                    let end = stream.read_to_string(&mut answer);
                    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{end:?} {answer}");
                    answer[9..12].parse().unwrap()
                })
            })
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect()
    });
    server.terminate();
    let count = |status| statuses.iter().filter(|it| **it == status).count();
    println!("{} of {} came in time", count(200), statuses.len());
    assert_eq!((statuses[0], statuses[statuses.len() - 1]), (200, 408));
    assert_eq!(count(200) + count(408), statuses.len(), "{statuses:?}");
    assert_eq!(recorded(&place, "sign", 200), count(200));
    assert_eq!(recorded(&place, "unknown", 408), count(408));
}

#[test]
fn no_crowd_at_the_health_listener_delays_a_probe() {
    let place = Workplace::with_seed();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let _server = start(&place, &["--health-listen", &address.to_string()]);
    let metrics = "GET /metrics HTTP/1.1\r\nHost: s\r\n\r\n".repeat(200);
    let words = [
        "",
        "G",
        "GET /livez HTTP/1.1\r\nHos",
        metrics.as_str(),
        "POST /livez HTTP/1.1\r\nHost: s\r\nContent-Length: 9\r\n\r\n",
    ];
    let mut crowd = Vec::new();
    for round in 0..20 {
        for _ in 0..10 {
            for word in words {
                let mut stream = TcpStream::connect(address).unwrap();
                stream
                    .set_write_timeout(Some(Duration::from_millis(100)))
                    .unwrap();
                // It may be let go of already.
                drop(stream.write_all(word.as_bytes()));
                crowd.push(stream);
            }
        }
        let mut probe = TcpStream::connect(address).unwrap();
        // As long as a kubelet waits would be one second; this machine may be busy.
        probe
            .set_read_timeout(Some(Duration::from_secs(3)))
            .unwrap();
        probe
            .write_all(b"GET /livez HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        probe.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 OK"),
            "round {round}: {answer}"
        );
    }
    drop(crowd);
}
