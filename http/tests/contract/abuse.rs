//! What nobody should send. None of it may sign what was not asked for, or stop the server.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::{Client, TestServer, digest, sign_body};

/// Handles that are not handles, percent-encoded or raw.
fn handles() -> Vec<String> {
    let mut handles: Vec<String> = [
        "..",
        ".",
        "%2e%2e",
        "%2E",
        "..%2f..%2fetc%2fpasswd",
        "software",
        "software%3A",
        "%3Aplatform%7Ck1",
        "Software%3Aplatform%7Ck1",
        "SOFTWARE%3Aplatform%7Ck1",
        "software%3Aplatform%7Ck1%00",
        "%00",
        "software%3A%00",
        "software%3Aplatform%7Ck1%0a",
        "software%3Aplatform%7Ck1%0d%0aX%3A1",
        "software%3Aplatform%7Ck1%20",
        "%20software%3Aplatform%7Ck1",
        "software%3Aplatform%7C%EF%BD%8B1",
        "software%EF%BC%9Aplatform%7Ck1",
        "software%3Apl%D0%B0tform%7Ck1",
        "software%3Aplatform%EF%BD%9Ck1",
        "software%3Aplatform%7Ck1%e2%80%8b",
        "software%3Aplatform%7Ck1%e2%80%ae",
        "software%3A%ff%fe",
        "%ff",
        "%c0%ae%c0%ae",
        "%ed%a0%80",
        "software%253Aplatform%257Ck1",
        "software%3Aplatform%7Ck1%25",
        "software%3Aplatform%7Ck1%",
        "software%3Aplatform%7Ck1%2",
        "software%3Aplatform%7Ck1%zz",
        "%",
        "%%",
        "%u0041",
        "software%3Aplatform%7Ck1%3Fx",
        "software%3Aplatform%7Ck1%23",
        "software%3Aplatform%7Ck1%22",
        "software%3Aplatform%7Ck1'",
        "software%3Aplatform%7Ck1%5c",
        "software%3Aplatform%7Ck1%3B",
        "software%3Aplatform%7Ck1;x=1",
        "vault%3Ax",
        "pkcs12%3Ax",
        "pkcs11%3A%2A",
        "testdouble%3A%24",
        "software%3A%7B%7D",
        "software%3A%3Cscript%3E",
        "$(id)",
        "software%3A%60id%60",
        "software%3A(x)",
        "software%3A%5Bx%5D",
        "software%3A~%00~",
    ]
    .map(str::to_owned)
    .into();
    handles.push(format!("software%3A{}", "x".repeat(513)));
    handles.push("A".repeat(30_000));
    handles.push("%41".repeat(9_000));
    handles
}

#[test]
fn malformed_handles_are_invalid_wherever_they_stand() {
    let server = TestServer::start();
    for handle in handles() {
        for (method, suffix) in [
            ("GET", ""),
            ("GET", "/public-key"),
            ("POST", "/retire"),
            ("POST", "/sign"),
        ] {
            let target = format!("/v1/keys/{handle}{suffix}");
            let body = sign_body();
            let (headers, body) = match suffix {
                "/sign" => ("Content-Type: application/json\r\n", Some(body.as_str())),
                _ => ("", None),
            };
            let reply = server.client().call(method, &target, headers, body);
            let shown = target.get(..80).unwrap_or(&target);
            assert_eq!(
                reply.problem().code.as_str(),
                "invalid_request",
                "{method} {shown}"
            );
            assert!(!reply.text().contains('\0'), "{shown}");
        }
    }
    assert_unharmed(&server);
}

#[test]
fn handles_with_unencoded_slashes_lead_nowhere() {
    let server = TestServer::start();
    for target in [
        "/v1/keys/../keys/h/x",
        "/v1/keys/a/b/sign",
        "/v1/keys/h/sign/../retire",
        "/v1/./keys/x/y",
        "//v1/keys",
        "/v1//keys",
        "/v1/keys//sign",
        "/v1/keys/h//sign",
        "/V1/keys",
        "/v1/Keys",
        "/v1/keys/h/SIGN",
        "/v1/keys/h/sign%2f",
        "/v1/keys/h/%73ign",
        "/%761/keys",
        "/v1/keys/h/sign;x",
        "/..",
        "/../v1/keys",
        "/%2e%2e/v1/keys",
        "/livez%00",
        "/livez/..",
        "/metrics/",
        "/openapi.json/",
    ] {
        let reply = server.client().post(target, &sign_body());
        assert_eq!(reply.problem().code.as_str(), "not_found", "{target}");
    }
    assert_unharmed(&server);
}

/// Bodies that are not a sign request.
fn bodies() -> Vec<String> {
    let digest = digest();
    let mut bodies = vec![
        String::new(),
        " ".into(),
        "null".into(),
        "true".into(),
        "0".into(),
        "\"\"".into(),
        "[]".into(),
        "{".into(),
        "}".into(),
        "{}".into(),
        "{{}}".into(),
        "nul".into(),
        "NaN".into(),
        format!("[\"{digest}\"]"),
        format!("\"{digest}\""),
        digest.clone(),
        format!(r#"{{"digest":"{digest}""#),
        format!(r#"{{"digest":"{digest}"}}}}"#),
        format!(r#"{{"digest":"{digest}"}},"#),
        format!(r#"{{"digest":"{digest}",}}"#),
        format!(r#"{{"digest":"{digest}"}}{{"digest":"{digest}"}}"#),
        format!(r#"{{"digest":"{digest}","digest":"{digest}"}}"#),
        format!(r#"{{"digest":"{digest}","dig\u0065st":"{digest}"}}"#),
        format!(r#"{{"digest":"{digest}","handle_id":"software:platform|k2"}}"#),
        format!(r#"{{"digest":"{digest}","":""}}"#),
        format!(r#"{{"Digest":"{digest}"}}"#),
        format!(r#"{{"digest ":"{digest}"}}"#),
        format!(r#"{{"d\u0456gest":"{digest}"}}"#),
        format!("{{'digest':'{digest}'}}"),
        format!(r#"{{digest:"{digest}"}}"#),
        format!(r#"{{"digest":["{digest}"]}}"#),
        format!(r#"{{"digest":{{"digest":"{digest}"}}}}"#),
        format!(r#"/**/{{"digest":"{digest}"}}"#),
        format!("\u{feff}{{\"digest\":\"{digest}\"}}"),
        format!(r#"{{"digest":"{}"}}"#, digest.trim_end_matches('=')),
        format!(r#"{{"digest":"{}="}}"#, digest),
        format!(r#"{{"digest":"{} "}}"#, digest),
        format!(r#"{{"digest":" {}"}}"#, digest),
        format!(r#"{{"digest":"{}\n"}}"#, digest),
        format!(r#"{{"digest":"{}"}}"#, digest.replace('A', "-")),
        format!(r#"{{"digest":"{}"}}"#, digest.replace('A', "_")),
        format!(r#"{{"digest":"{}"}}"#, digest.replacen("A==", "B==", 1)),
        format!(r#"{{"digest":"{}"}}"#, digest.replacen('A', "\u{ff21}", 1)),
        format!(r#"{{"digest":"{}"}}"#, digest.replacen('A', "\\u0000", 1)),
        format!(r#"{{"digest":"{}"}}"#, digest.replacen('A', "\\ud800", 1)),
        format!(r#"{{"digest":"{}"}}"#, "A".repeat(84)),
        format!(r#"{{"digest":"{}"}}"#, "A".repeat(88)),
        format!(r#"{{"digest":"{}"}}"#, "A".repeat(60_000)),
        format!(r#"{{"digest":"{}"}}"#, "00".repeat(64)),
        r#"{"digest":null}"#.into(),
        r#"{"digest":64}"#.into(),
        r#"{"digest":1e999}"#.into(),
        r#"{"digest":true}"#.into(),
        r#"{"digest":""}"#.into(),
        r#"{"digest":[]}"#.into(),
        "[".repeat(60_000),
        "{\"digest\":".repeat(6_000),
        format!("{{\"x\":{}", "[".repeat(60_000)),
        format!("{{\"{}\":1}}", "k".repeat(60_000)),
        "\u{0}".repeat(100),
    ];
    bodies.extend((0..60).map(|length| format!(r#"{{"digest":"{}"}}"#, "A".repeat(length))));
    bodies
}

#[test]
fn malformed_bodies_sign_nothing_and_are_not_echoed() {
    let server = TestServer::start();
    for body in bodies() {
        let reply = server
            .client()
            .post("/v1/keys/software%3Aplatform%7Ck1/sign", &body);
        let shown = body.get(..80).unwrap_or(&body);
        assert_eq!(reply.problem().code.as_str(), "invalid_request", "{shown}");
        assert!(reply.body.len() < 500, "{shown}");
        assert!(!reply.text().contains("AAAAAAAA"), "{shown}");
    }
    assert_unharmed(&server);
}

#[test]
fn malformed_batches_sign_nothing() {
    let server = TestServer::start();
    let digest = digest();
    let item = format!(r#"{{"scope":"platform","digest":"{digest}"}}"#);
    for body in [
        "{}".to_owned(),
        r#"{"items":{}}"#.into(),
        r#"{"items":null}"#.into(),
        r#"{"items":[]}"#.into(),
        r#"{"items":[null]}"#.into(),
        r#"{"items":[[]]}"#.into(),
        format!("[{item}]"),
        format!(r#"{{"items":[{item}],"items":[{item}]}}"#),
        format!(r#"{{"items":[{item},]}}"#),
        format!(r#"{{"items":[{item}],"x":1}}"#),
        format!(r#"{{"items":[{item},{{"digest":"{digest}"}}]}}"#),
        format!(r#"{{"items":[["platform","{digest}"]]}}"#),
        format!(
            r#"{{"items":[{{"scope":"platform","handle_id":"software:platform|k1","digest":"{digest}"}}]}}"#
        ),
        format!(r#"{{"items":[{{"scope":"platform","digest":"{digest}","reference":7}}]}}"#),
        format!(
            r#"{{"items":[{{"scope":"platform","digest":"{digest}","reference":"{}"}}]}}"#,
            "r".repeat(129)
        ),
        format!(r#"{{"items":[{}]}}"#, vec![item.as_str(); 1025].join(",")),
    ] {
        let reply = server.client().post("/v1/sign", &body);
        let shown = body.get(..80).unwrap_or(&body);
        assert_eq!(reply.problem().code.as_str(), "invalid_request", "{shown}");
    }
    assert_unharmed(&server);
}

/// Requests whose framing is contradictory, so that two parsers might see two different requests.
#[test]
fn smuggling_is_refused_and_nothing_of_it_is_carried_out() {
    let server = TestServer::start();
    let body = sign_body();
    let length = body.len();
    let inner = format!(
        "POST /v1/keys/software%3Aplatform%7Csmuggled/sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    for framing in [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: {length}, 0\r\n"),
        format!("Content-Length: +{length}\r\n"),
        format!("Content-Length: -{length}\r\n"),
        format!("Content-Length: 0x{length:x}\r\n"),
        "Content-Length: \r\n".into(),
        "Content-Length: 99999999999999999999999\r\n".into(),
        "Transfer-Encoding: xchunked\r\n".into(),
        "Transfer-Encoding: identity, chunked, identity\r\n".into(),
        "Transfer-Encoding: chunked, chunked\r\n".into(),
        "Transfer-Encoding : chunked\r\n".into(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".into(),
    ] {
        let mut client = server.client();
        let head = "POST /v1/keys/software%3Aplatform%7Couter/sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n";
        client.write(format!("{head}{framing}\r\n0\r\n\r\n{inner}").as_bytes());
        let reply = client.read("POST").unwrap();
        assert_eq!(reply.status / 100, 4, "{framing}: {reply:?}");
        assert!(client.is_closed(), "{framing}");
    }
    assert_unharmed(&server);
}

#[test]
fn bytes_that_are_no_request_close_the_connection() {
    let server = TestServer::start();
    let tls_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice();
    for bytes in [
        b"\r\n\r\n\r\n\0".as_slice(),
        tls_hello,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
        b"GET /li vez HTTP/1.1\r\nHost: s\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nA B: c\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nX: a\0b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\n: x\r\n\r\n",
        b"\xff\xfe\xfd\xfc\r\n\r\n",
    ] {
        let mut client = server.client();
        client.write(bytes);
        let status = client.read("GET").map(|reply| reply.status);
        assert!(matches!(status, Ok(400) | Err(_)), "{bytes:?}: {status:?}");
    }
    let fields: Vec<_> = (0..200)
        .map(|number| format!("X-{number}: y\r\n"))
        .collect();
    let many = format!("GET /livez HTTP/1.1\r\nHost: s\r\n{}\r\n", fields.concat());
    let mut client = server.client();
    client.write(many.as_bytes());
    assert_eq!(client.read("GET").unwrap().status / 100, 4);
    assert_unharmed(&server);
}

#[test]
fn targets_in_unusual_forms_name_the_same_call_or_none() {
    let server = TestServer::start();
    let mut client = server.client();
    assert_eq!(client.get("http://elsewhere/livez").status, 200);
    for (method, target) in [("OPTIONS", "*"), ("GET", "http://elsewhere")] {
        let reply = client.call(method, target, "", None);
        assert_eq!(reply.problem().code.as_str(), "not_found", "{target}");
    }
    let reply = server.client().call("CONNECT", "elsewhere:80", "", None);
    assert_eq!(reply.status / 100, 4);
    let upgrade = "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    assert_eq!(
        server.client().call("GET", "/livez", upgrade, None).status,
        200
    );
    assert_unharmed(&server);
}

#[test]
fn connections_that_say_nothing_are_closed() {
    let server = TestServer::start();
    let started = Instant::now();
    let mut silent = server.client();
    let mut halfway = server.client();
    halfway.write(b"GET /livez HTTP/1.1\r\nHos");
    assert!(silent.is_closed() || silent.read("GET").unwrap().status == 408);
    assert_eq!(halfway.read("GET").map_or(408, |reply| reply.status), 408);
    assert!(started.elapsed() < Duration::from_secs(12));
}

/// The server has signed nothing yet, and still does when it is asked to.
fn assert_unharmed(server: &TestServer) {
    assert_eq!(server.custody.signs.load(Ordering::Relaxed), 0);
    let mut client = Client::connect(&server.path);
    let target = "/v1/keys/software%3Aplatform%7Ck1/sign";
    assert_eq!(client.post(target, &sign_body()).status, 200);
}
