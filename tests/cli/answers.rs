//! The exit status for each problem code, told by a custodian that gives the answers a test wants.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use signer_test_support::{Finished, Workplace, shipped};

/// Answers one request at the socket of `place` with `answer`, byte for byte.
fn answer_once(place: &Workplace, answer: String) -> JoinHandle<()> {
    let listener = UnixListener::bind(place.socket()).unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&stream);
        let mut line = String::new();
        while reader.read_line(&mut line).unwrap() > "\r\n".len() {
            line.clear();
        }
        (&stream).write_all(answer.as_bytes()).unwrap();
    })
}

fn keys_list_answered(answer: String) -> Finished {
    let place = Workplace::empty();
    let answering = answer_once(&place, answer);
    let program =
        shipped!().with_variable("PLEXSPHERE_SIGNER_SOCKET", place.socket().to_str().unwrap());
    let finished = program.run(place.path(), ["keys", "list"]);
    answering.join().unwrap();
    finished
}

fn problem(status: u16, code: &str) -> String {
    let body = format!(
        r#"{{"type":"urn:plexsphere:signer:problem:{code}","title":"t","status":{status},"detail":"signing: the {code} detail","code":"{code}","retryable":false,"request_id":"r-1"}}"#
    );
    http(status, "application/problem+json", &body)
}

fn http(status: u16, media_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         X-Request-Id: r-1\r\n\r\n{body}"
    )
}

#[test]
fn every_problem_ends_with_its_own_status_and_one_line() {
    for (http_status, code, exit_status) in [
        (400, "invalid_request", 2),
        (400, "scope_not_permitted", 2),
        (403, "denied", 5),
        (404, "key_not_found", 3),
        (409, "rotation_in_progress", 4),
        (410, "key_retired", 8),
        (429, "overloaded", 6),
        (500, "internal", 1),
        (500, "signature_check_failed", 7),
        (503, "provider_unavailable", 6),
        (503, "registry_unavailable", 6),
        (503, "draining", 6),
        (504, "deadline_exceeded", 6),
        (418, "a_code_of_tomorrow", 1),
    ] {
        let finished = keys_list_answered(problem(http_status, code)).expect_status(exit_status);
        assert_eq!(finished.text(), "");
        assert_eq!(
            finished.sentence(),
            format!("signing: the {code} detail (request r-1)")
        );
    }
}

#[test]
fn an_answer_that_is_no_document_of_ours_is_a_general_failure() {
    let page = http(502, "text/html", "<html>");
    let finished = keys_list_answered(page).expect_status(1);
    assert!(
        finished.sentence().ends_with("(request r-1)"),
        "{finished:?}"
    );
    keys_list_answered(http(200, "application/json", "{\"keys\":")).expect_status(1);
}

#[test]
fn a_connection_that_breaks_is_worth_another_try() {
    let finished = keys_list_answered("HTTP/1.1 200 OK\r\nContent-Le".to_owned());
    assert!(finished.expect_status(6).sentence().contains("broke"));
}
