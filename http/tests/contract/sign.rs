//! Signing.

use std::sync::atomic::Ordering;

use signer_domain::Digest;
use signer_domain::ports::{SignRequest, SignTarget};
use signer_http::wire::{BatchDocument, BatchItem, BatchRequest, BatchResult, SignDocument};

use crate::support::{TestServer, digest, handle, sign_body, sign_path};

#[test]
fn a_key_signs_by_its_handle() {
    let server = TestServer::start();
    let document: SignDocument = server.client().post(&sign_path("k1"), &sign_body()).json();
    assert_eq!(document.handle_id, handle("k1"));
    assert_eq!(document.signature.to_base64(), digest());
}

#[test]
fn the_current_key_signs_for_a_scope_and_is_named() {
    let server = TestServer::start();
    let reply = server
        .client()
        .post("/v1/scopes/platform/sign", &sign_body());
    assert_eq!(reply.json::<SignDocument>().handle_id, handle("current"));
    let domain = "/v1/scopes/domain%3A6f9619ff-8b86-4011-b42d-00cf4fc964ff/sign";
    let reply = server.client().post(domain, &sign_body());
    assert_eq!(reply.problem().code.as_str(), "key_retired");
    let reply = server
        .client()
        .post("/v1/scopes/Platform/sign", &sign_body());
    assert_eq!(reply.problem().code.as_str(), "invalid_request");
}

#[test]
fn a_batch_of_the_largest_size_is_answered_in_order() {
    let server = TestServer::start();
    let items = (0..BatchRequest::MAX_ITEMS).map(|number| BatchItem {
        request: SignRequest {
            target: SignTarget::Handle(handle(&format!("k{number}"))),
            digest: Digest::from_base64(&digest()).unwrap(),
        },
        reference: (number % 2 == 0).then(|| number.to_string()),
    });
    let request = BatchRequest {
        items: items.collect(),
    };
    let body = serde_json::to_string(&request).unwrap();
    let BatchDocument { results } = server.client().post("/v1/sign", &body).json();
    assert_eq!(results.len(), BatchRequest::MAX_ITEMS);
    for (number, result) in results.into_iter().enumerate() {
        let BatchResult::Signed {
            reference,
            handle_id,
            ..
        } = result
        else {
            panic!("item {number} failed");
        };
        assert_eq!(handle_id, handle(&format!("k{number}")));
        assert_eq!(reference, (number % 2 == 0).then(|| number.to_string()));
    }
}

#[test]
fn a_request_that_is_refused_reaches_no_key() {
    let server = TestServer::start();
    for body in ["", "{}", "[]", r#"{"digest":"AA=="}"#, r#"{"digest":null}"#] {
        let reply = server.client().post(&sign_path("k1"), body);
        assert_eq!(reply.problem().code.as_str(), "invalid_request", "{body}");
    }
    assert_eq!(server.custody.signs.load(Ordering::Relaxed), 0);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let server = TestServer::start();
    let mut client = server.client();
    let body = sign_body();
    let length = body.len();
    let requests = (0..12).map(|number| {
        let target = sign_path(&format!("k{number}"));
        format!(
            "POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
    });
    let bytes = requests.collect::<Vec<_>>().concat();
    client.write(bytes.as_bytes());
    for number in 0..12 {
        let reply = client.read("POST").unwrap();
        assert_eq!(
            reply.json::<SignDocument>().handle_id,
            handle(&format!("k{number}"))
        );
    }
}

#[test]
fn a_body_may_arrive_in_chunks() {
    let server = TestServer::start();
    let mut client = server.client();
    let body = sign_body();
    let (head, tail) = body.split_at(40);
    let target = sign_path("k1");
    client.write(
        format!(
            "POST {target} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x}\r\n{head}\r\n{:x}\r\n{tail}\r\n0\r\n\r\n",
            head.len(),
            tail.len()
        )
        .as_bytes(),
    );
    assert_eq!(client.read("POST").unwrap().status, 200);
    assert_eq!(client.get("/livez").status, 200);
}
