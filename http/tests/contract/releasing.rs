//! The last look: nothing that was signed leaves once the registry it was signed by does not count.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use signer_domain::ports::AuditOutcome;

use crate::support::{TestServer, digest, handle, sign_body, sign_path};

const ITEMS: usize = 1024;

/// A batch of some length by a key.
fn batch(key_id: &str, items: usize) -> String {
    let item = format!(
        r#"{{"handle_id":"{}","digest":"{}","reference":"{}"}}"#,
        handle(key_id),
        digest(),
        "r".repeat(120)
    );
    format!(r#"{{"items":[{}]}}"#, vec![item; items].join(","))
}

#[test]
fn what_was_signed_is_refused_when_the_registry_is_lost_before_the_answer() {
    let server = TestServer::start();
    let requests = [
        (sign_path("last"), sign_body()),
        ("/v1/sign".to_owned(), batch("last", 3)),
    ];
    for (target, body) in requests {
        let reply = server.client().post(&target, &body);
        assert_eq!(reply.status, 503, "{target}: {reply:?}");
        assert_eq!(reply.header("retry-after"), Some("1"), "{target}");
        assert_eq!(reply.problem().code.as_str(), "registry_unavailable");
        // The script makes the signature out of the digest.
        assert!(!reply.text().contains(&digest()[..20]), "{target}");
        // It had been made by then, and that is on record.
        let entry = server.audit.take_one();
        assert_eq!(entry.outcome, AuditOutcome::Ok, "{target}");
        server.custody.is_lost.store(false, Ordering::SeqCst);
    }
    let reply = server.client().post(&sign_path("k1"), &sign_body());
    assert_eq!(reply.status, 200);
}

#[test]
fn what_holds_no_signature_is_answered_although_the_registry_is_lost() {
    let server = TestServer::start();
    server.custody.is_lost.store(true, Ordering::SeqCst);
    let reply = server.client().get("/v1/keys");
    assert_eq!(reply.status, 200);
    let retired = batch("retired", 2);
    assert_eq!(server.client().post("/v1/sign", &retired).status, 200);
}

#[test]
fn a_connection_is_cut_when_the_registry_is_lost_in_the_middle_of_signatures() {
    let server = TestServer::start();
    let body = batch("k1", ITEMS);
    let mut stream = UnixStream::connect(&server.path).unwrap();
    let wait = Some(Duration::from_secs(5));
    stream.set_read_timeout(wait).unwrap();
    let head = format!(
        "POST /v1/sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut beginning = [0; 12];
    stream.read_exact(&mut beginning).unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 200");
    // The kernel does not take an answer of this length before somebody reads.
    server.custody.is_lost.store(true, Ordering::SeqCst);
    let mut rest = Vec::new();
    // The end may be a reset.
    drop(stream.read_to_end(&mut rest));
    let rest = String::from_utf8(rest).unwrap();
    let signatures = rest.matches(r#""signature":"#).count();
    assert!((1..ITEMS).contains(&signatures), "{signatures}");
}
