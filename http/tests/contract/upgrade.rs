//! Callers who ask for another protocol. There is none, and the request is answered all the same.

use std::sync::atomic::Ordering;

use crate::support::{Reply, TestServer, sign_body, sign_path};

/// What makes the HTTP parser take everything behind the head for another protocol.
const WEBSOCKET: [&str; 4] = [
    "Connection: Upgrade\r\nUpgrade: websocket\r\n",
    "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n",
    "Upgrade: websocket\r\n",
    "Upgrade: h2c\r\nUpgrade: websocket\r\n",
];

/// What asks for another protocol in other ways.
const OTHERS: [&str; 3] = [
    "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "Connection: Upgrade\r\nUpgrade: TLS/1.3, websocket\r\n",
    "Connection: Upgrade\r\n",
];

fn wishes() -> impl Iterator<Item = &'static str> {
    WEBSOCKET.into_iter().chain(OTHERS)
}

fn post(wish: &str, framing: &str, body: &str) -> String {
    let target = sign_path("k1");
    format!(
        "POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n{wish}{framing}\r\n{body}"
    )
}

fn length_of(body: &str) -> String {
    format!("Content-Length: {}\r\n", body.len())
}

/// The answer says no more about a protocol than that the connection is closed.
fn expect_closing(reply: &Reply, wish: &str) {
    let connection: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "connection" || name == "upgrade")
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(connection, [("connection", "close")], "{wish}: {reply:?}");
}

#[test]
fn the_wish_for_another_protocol_is_ignored_and_the_body_is_as_long_as_it_says() {
    let server = TestServer::start();
    let body = sign_body();
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    for (done, wish) in (1..).zip(wishes()) {
        for (framing, body) in [
            (length_of(&body), &body),
            ("Transfer-Encoding: chunked\r\n".to_owned(), &chunked),
        ] {
            let mut client = server.client();
            client.write(post(wish, &framing, body).as_bytes());
            let reply = client.read("POST").unwrap();
            assert_eq!(reply.status, 200, "{wish}{framing}: {reply:?}");
            expect_closing(&reply, wish);
            assert!(client.is_closed(), "{wish}{framing}");
        }
        assert_eq!(server.custody.signs.load(Ordering::Relaxed), 2 * done);
    }
}

#[test]
fn what_the_parser_takes_for_another_protocol_is_not_carried_out() {
    let server = TestServer::start();
    let body = sign_body();
    for (done, wish) in (1..).zip(WEBSOCKET) {
        let mut client = server.client();
        let one = post(wish, &length_of(&body), &body);
        let next = post("", &length_of(&body), &body);
        client.write((one + &next).as_bytes());
        let reply = client.read("POST").unwrap();
        assert_eq!(reply.status, 200, "{wish}: {reply:?}");
        expect_closing(&reply, wish);
        assert!(client.is_closed(), "{wish}");
        assert_eq!(server.custody.signs.load(Ordering::Relaxed), done, "{wish}");
    }
}

#[test]
fn a_request_for_another_protocol_without_a_whole_body_signs_nothing() {
    let server = TestServer::start();
    let body = sign_body();
    for wish in wishes() {
        let mut client = server.client();
        client.write(post(wish, "", &body).as_bytes());
        let problem = client.read("POST").unwrap().problem();
        assert_eq!(problem.detail, "body: is missing", "{wish}");
        let mut client = server.client();
        let length = format!("Content-Length: {}\r\n", body.len() + 1);
        client.write(post(wish, &length, &body).as_bytes());
        client.finish_writing();
        let reply = client.read("POST").unwrap();
        assert_eq!(reply.problem().code.as_str(), "invalid_request", "{wish}");
    }
    assert_eq!(server.custody.signs.load(Ordering::Relaxed), 0);
}

#[test]
fn probes_are_answered_to_those_who_ask_for_another_protocol() {
    let server = TestServer::start();
    for wish in wishes() {
        let mut client = server.client();
        let reply = client.call("GET", "/livez", wish, None);
        assert_eq!(reply.status, 200, "{wish}");
        expect_closing(&reply, wish);
    }
}
