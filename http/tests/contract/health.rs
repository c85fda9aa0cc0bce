//! The TCP listener for probes and scrapers.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::support::{TestServer, sign_body, sign_path};

fn ask(server: &TestServer, request: &str) -> String {
    let mut stream = TcpStream::connect(server.health).unwrap();
    let request = format!("{request} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn serves_probes_and_metrics() {
    let server = TestServer::start();
    for target in ["/livez", "/readyz", "/metrics"] {
        let answer = ask(&server, &format!("GET {target}"));
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

#[test]
fn serves_nothing_else_and_does_not_tell_that_there_is_more() {
    let server = TestServer::start();
    for request in [
        "GET /v1/keys",
        "POST /v1/keys",
        "DELETE /v1/keys",
        "POST /v1/sign",
        "GET /v1/sign",
        "GET /openapi.json",
        "POST /openapi.json",
        "GET /nowhere",
        "POST /nowhere",
    ] {
        let answer = ask(&server, request);
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
        assert!(answer.contains("\"not_found\""), "{answer}");
    }
}

#[test]
fn other_methods_of_what_it_serves_are_told_which_ones_there_are() {
    let server = TestServer::start();
    for target in ["/livez", "/readyz", "/metrics"] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = ask(&server, &format!("{method} {target}"));
            let status = "HTTP/1.1 405 Method Not Allowed\r\n";
            assert!(answer.starts_with(status), "{method} {target}: {answer}");
            assert!(answer.contains("\r\nallow: GET, HEAD\r\n"), "{answer}");
            assert!(answer.contains("\"method_not_allowed\""), "{answer}");
        }
    }
}

#[test]
fn what_is_refused_is_recorded_without_a_peer() {
    let server = TestServer::start();
    for (request, op) in [("GET /v1/keys", "list"), ("GET /nowhere", "unknown")] {
        ask(&server, request);
        let entry = server.audit.take_one();
        assert_eq!((entry.op, entry.http_status), (op, 404));
        assert_eq!(entry.peer, None);
    }
    ask(&server, "GET /livez");
    assert_eq!(server.audit.take_recorded(), []);
}

#[test]
fn a_crowd_at_the_health_listener_is_capped_and_nobody_who_asks_waits_for_it() {
    let server = TestServer::start();
    let crowd: Vec<_> = (0..600)
        .map(|number| {
            let mut stream = TcpStream::connect(server.health).unwrap();
            let words = [
                "",
                "GET /livez HTTP/1.1\r\nHo",
                "GET /livez HTTP/1.1\r\nHost: s\r\n\r\n",
            ];
            stream.write_all(words[number % 3].as_bytes()).unwrap();
            stream
        })
        .collect();
    for _ in 0..8 {
        let mut late = TcpStream::connect(server.health).unwrap();
        late.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        late.write_all(b"GET /livez HTTP/1.1\r\nHost: s\r\n\r\n")
            .unwrap();
        late.read_exact(&mut [0]).unwrap();
    }
    let reply = server.client().post(&sign_path("k1"), &sign_body());
    assert_eq!(reply.status, 200);
    let let_go = |stream: &&TcpStream| {
        stream.set_nonblocking(true).unwrap();
        let mut stream: &TcpStream = stream;
        let told = stream.read_to_end(&mut Vec::new());
        !told.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    };
    assert!(crowd.iter().filter(let_go).count() >= 600 - 64);
}

#[test]
fn says_that_the_server_drains_until_the_last_request_is_answered() {
    let mut server = TestServer::start();
    let mut under_way = server.client();
    let (target, body) = (sign_path("hang"), sign_body());
    let headers = "Host: s\r\nContent-Type: application/json\r\n";
    let length = body.len();
    under_way.write(
        format!("POST {target} HTTP/1.1\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
            .as_bytes(),
    );
    // The second request proves that the server has read the first.
    assert_eq!(server.client().get("/livez").status, 200);
    server.stop();
    // Longer than the socket itself accepts anybody.
    std::thread::park_timeout(Duration::from_secs(1));
    assert!(!server.path.exists());
    for _ in 0..3 {
        let answer = ask(&server, "GET /readyz");
        let status = "HTTP/1.1 503 Service Unavailable\r\n";
        assert!(answer.starts_with(status), "{answer}");
        assert!(answer.contains(r#""socket":"draining""#), "{answer}");
    }
    drop(under_way);
    let health = server.health;
    server.join();
    TcpStream::connect(health).unwrap_err();
}
