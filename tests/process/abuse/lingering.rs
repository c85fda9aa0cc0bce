//! Callers who hold on to their connections.

use std::time::{Duration, Instant};

use signer_test_support::{Connection, K1, Server, Workplace, eventually, shipped, sign_request};

/// How long a connection of no more use may stay open: the longest wait for a head is 5 seconds.
const LIMIT: Duration = Duration::from_secs(8);

fn start(place: &Workplace, flags: &[&str]) -> Server {
    let server = Server::start(&shipped!(), place, flags);
    server.generate("k1");
    server
}

fn say(server: &Server, bytes: &str) -> Connection {
    let mut connection = server.connect();
    connection.send(bytes.as_bytes()).unwrap();
    connection
}

/// How many files the custodian has open.
fn open_files(server: &Server) -> usize {
    let files = format!("/proc/{}/fd", server.pid().as_raw_nonzero());
    std::fs::read_dir(files).unwrap().count()
}

#[test]
fn half_a_request_holds_up_nobody_and_is_not_waited_for_for_ever() {
    let place = Workplace::with_seed();
    let server = start(&place, &["--request-deadline", "1s"]);
    let before = open_files(&server);
    let head = format!("POST {K1}/sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n");
    let chunked = "Transfer-Encoding: chunked\r\n\r\n";
    let halves = [
        String::new(),
        "G".to_owned(),
        "GET /livez HTTP/1.1\r\nHos".to_owned(),
        format!("{head}Content-Length: 101\r\n\r\n"),
        format!("{head}Content-Length: 101\r\n\r\n{{\"digest\":"),
        format!("{head}{chunked}"),
        format!("{head}{chunked}65\r\n{{\"digest\":"),
        // Refused before the body was asked for, which then never ends.
        format!(
            "{}{chunked}",
            head.replace("application/json", "text/plain")
        ),
        format!("POST /nowhere HTTP/1.1\r\nHost: s\r\n{chunked}65\r\n"),
        "GET /livez HTTP/1.1\r\nHost: s\r\nContent-Length: 7\r\n\r\n".to_owned(),
    ];
    let kept: Vec<Connection> = (0..8)
        .flat_map(|_| halves.iter().map(|half| say(&server, half)))
        .collect();
    let started = Instant::now();
    let body = sign_request(&[7; 64]);
    server.post(&format!("{K1}/sign"), &body).expect_status(200);
    assert!(started.elapsed() < Duration::from_secs(1));
    eventually("the end of every connection", || {
        (open_files(&server) <= before).then_some(())
    });
    assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
    assert_eq!(server.metric("signatures_total"), 1);
    drop(kept);
}
