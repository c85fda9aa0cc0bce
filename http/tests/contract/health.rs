//! The TCP listener for probes and scrapers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::TestServer;

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
        "GET /nowhere",
    ] {
        let answer = ask(&server, request);
        assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n"), "{answer}");
        assert!(answer.contains("\"not_found\""), "{answer}");
    }
}
