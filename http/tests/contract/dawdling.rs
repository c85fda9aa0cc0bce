//! Callers who keep a connection and do not get on with it: each is let go of, one way or another.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::support::{Client, TestServer, sign_body, sign_path};

/// Longer than anybody is waited for.
const LIMIT: Duration = Duration::from_secs(30);

const LIVEZ: &str = "GET /livez HTTP/1.1\r\nHost: s\r\n\r\n";

/// A connection that has had an answer.
fn kept(server: &TestServer) -> Client {
    let mut client = server.client();
    assert_eq!(client.get("/livez").status, 200);
    client
}

/// Says something every now and then until nobody listens any more.
fn talk_to_the_end(mut stream: impl Write, word: &[u8]) {
    let started = Instant::now();
    while stream.write_all(word).is_ok() {
        assert!(started.elapsed() < LIMIT, "nobody hangs up");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

#[test]
fn half_a_head_behind_an_answer_is_a_timeout_and_recorded_but_silence_is_the_end_and_nothing_else()
{
    let server = TestServer::start();
    let mut silent = kept(&server);
    let mut halves = ["GET /livez HTTP/1.1\r\nHos", "\r\n"].map(|half| {
        let mut client = kept(&server);
        client.write(half.as_bytes());
        client
    });
    for client in &mut halves {
        let reply = client.read("GET").unwrap();
        let problem = reply.problem();
        assert_eq!(problem.code.as_str(), "request_timeout");
        assert_eq!(problem.detail, "the head did not arrive in time");
        assert_eq!(reply.header("connection"), Some("close"));
        assert!(reply.header("date").is_some());
        assert!(client.is_closed());
    }
    let noted = server.audit.take_noted();
    let noted: Vec<_> = noted.iter().map(|it| (it.op, it.http_status)).collect();
    assert_eq!(noted, [("unknown", 408); 2]);
    let ended = silent.read("GET").unwrap_err();
    assert_eq!(ended.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(server.audit.count(), 0);
}

#[test]
fn a_head_that_trickles_in_behind_an_answer_is_a_timeout() {
    let server = TestServer::start();
    let mut stream = UnixStream::connect(&server.path).unwrap();
    let mut client = Client::from(stream.try_clone().unwrap());
    assert_eq!(client.get("/livez").status, 200);
    stream.write_all(b"GET /").unwrap();
    talk_to_the_end(stream, b"x");
    let problem = client.read("GET").unwrap().problem();
    assert_eq!(problem.code.as_str(), "request_timeout");
}

#[test]
fn a_slow_answer_does_not_count_against_the_head_behind_it() {
    let server = TestServer::start();
    let mut client = kept(&server);
    // Hangs until the deadline of the request, which is as long as a head is waited for.
    assert_eq!(client.post(&sign_path("hang"), &sign_body()).status, 504);
    client.write(LIVEZ.get(..9).unwrap().as_bytes());
    assert_eq!(server.client().get("/livez").status, 200);
    client.write(LIVEZ.get(9..).unwrap().as_bytes());
    assert_eq!(client.read("GET").unwrap().status, 200);
}

#[test]
fn a_caller_that_does_not_read_its_answers_is_given_up() {
    let server = TestServer::start();
    let many = "GET /openapi.json HTTP/1.1\r\nHost: s\r\n\r\n".repeat(16);
    let last = "GET /openapi.json HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n";
    let talks = [many.clone(), format!("{many}{last}")].map(|requests| {
        let mut stream = UnixStream::connect(&server.path).unwrap();
        stream.write_all(requests.as_bytes()).unwrap();
        std::thread::spawn(move || talk_to_the_end(stream, b"G"))
    });
    let mut stream = TcpStream::connect(server.health).unwrap();
    stream.set_write_timeout(Some(LIMIT)).unwrap();
    let many = "GET /metrics HTTP/1.1\r\nHost: s\r\n\r\n".repeat(100);
    talk_to_the_end(&mut stream, many.as_bytes());
    for talk in talks {
        talk.join().unwrap();
    }
}

#[test]
fn a_caller_that_reads_slowly_has_all_its_answers() {
    let server = TestServer::start();
    let mut client = server.client();
    client.write(
        "GET /openapi.json HTTP/1.1\r\nHost: s\r\n\r\n"
            .repeat(60)
            .as_bytes(),
    );
    for _ in 0..60 {
        assert_eq!(client.read("GET").unwrap().status, 200);
        std::thread::park_timeout(Duration::from_millis(250));
    }
    assert_eq!(client.get("/livez").status, 200);
}
