//! The rotation commands: against a custodian that runs, and against one that answers what a test
//! wants.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use signer_test_support::{Finished, K1_HANDLE, Server, Workplace, shipped};

const OPEN: [&str; 6] = [
    "rotations",
    "open",
    "--scope",
    "platform",
    "--new-key-id",
    "k2",
];
const SHOW: [&str; 4] = ["rotations", "show", "--scope", "platform"];
const CLOSE: [&str; 8] = [
    "rotations",
    "close",
    "--scope",
    "platform",
    "--old",
    "k1",
    "--new",
    "k2",
];
const DOMAIN: &str = "domain:6f9619ff-8b86-4011-b42d-00cf4fc964ff";
const OPENED: &str = r#"{"scope":"platform","old_key_id":"k1","new_key_id":"k2","old_handle_id":"software:platform|k1","new_handle_id":"software:platform|k2","opened_at":"2026-01-02T03:04:05Z","closes_at":"2026-01-03T03:04:05Z","closed_at":null}"#;

/// A custodian with the key `k1`, which is the current one of the platform.
fn start(place: &Workplace) -> Server {
    let server = Server::start(&shipped!(), place, &[]);
    server.generate("k1");
    server
}

/// Answers one request at the socket of `place`, and tells its first line and its body.
fn answer_once(place: &Workplace, status: u16, body: &'static str) -> JoinHandle<(String, String)> {
    let listener = UnixListener::bind(place.socket()).unwrap();
    let length = body.len();
    let media_type = if status < 400 {
        "application/json"
    } else {
        "application/problem+json"
    };
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(&stream);
        let (mut first, mut line, mut length) = (String::new(), String::new(), 0);
        reader.read_line(&mut first).unwrap();
        while reader.read_line(&mut line).unwrap() > "\r\n".len() {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        let mut asked = vec![0; length];
        reader.read_exact(&mut asked).unwrap();
        (&stream).write_all(answer.as_bytes()).unwrap();
        (
            first.trim_end().to_owned(),
            String::from_utf8(asked).unwrap(),
        )
    })
}

/// Runs a command against a custodian that gives one answer: how it ended, and what it had asked.
fn run_answered(line: &[&str], status: u16, body: &'static str) -> (Finished, String, String) {
    let place = Workplace::empty();
    let answering = answer_once(&place, status, body);
    let program =
        shipped!().with_variable("PLEXSPHERE_SIGNER_SOCKET", place.socket().to_str().unwrap());
    let finished = program.run(place.path(), line);
    let (first, asked) = answering.join().unwrap();
    (finished, first, asked)
}

#[test]
fn each_command_asks_for_its_call() {
    let with_provider = [&OPEN[..], &["--provider", "software"]].concat();
    let in_domain = ["rotations", "show", "--scope", DOMAIN];
    let domain = "GET /v1/scopes/domain%3A6f9619ff-8b86-4011-b42d-00cf4fc964ff/rotations/current";
    for (line, call, document) in [
        (
            &OPEN[..],
            "POST /v1/scopes/platform/rotations",
            r#"{"new_key_id":"k2"}"#,
        ),
        (
            &with_provider,
            "POST /v1/scopes/platform/rotations",
            r#"{"new_key_id":"k2","provider":"software"}"#,
        ),
        (&SHOW, "GET /v1/scopes/platform/rotations/current", ""),
        (&in_domain, domain, ""),
        (
            &CLOSE,
            "POST /v1/scopes/platform/rotations/close",
            r#"{"old_key_id":"k1","new_key_id":"k2"}"#,
        ),
    ] {
        let (finished, first, asked) = run_answered(line, 200, OPENED);
        finished.expect_status(0);
        assert_eq!(first, format!("{call} HTTP/1.1"));
        assert_eq!(asked, document, "{line:?}");
    }
}

#[test]
fn a_rotation_is_shown_as_a_table_or_as_it_came() {
    let (finished, ..) = run_answered(&SHOW, 200, OPENED);
    assert_eq!(
        finished.expect_status(0).text(),
        "SCOPE     OLD KEY  NEW KEY  OPENED                       CLOSES                       CLOSED\n\
         platform  k1       k2       2026-01-02T03:04:05.000000Z  2026-01-03T03:04:05.000000Z  -\n"
    );
    let as_json = [&SHOW[..], &["-o", "json"]].concat();
    let (finished, ..) = run_answered(&as_json, 200, OPENED);
    assert_eq!(finished.expect_status(0).text(), format!("{OPENED}\n"));
}

#[test]
fn a_refusal_ends_with_the_status_of_its_cause() {
    for (line, http_status, body, exit_status) in [
        (
            &OPEN[..],
            409,
            r#"{"code":"rotation_in_progress","detail":"why","request_id":"r"}"#,
            4,
        ),
        (
            &SHOW,
            404,
            r#"{"code":"rotation_not_found","detail":"why","request_id":"r"}"#,
            3,
        ),
        (
            &CLOSE,
            404,
            r#"{"code":"rotation_not_found","detail":"why","request_id":"r"}"#,
            3,
        ),
        (
            &CLOSE,
            503,
            r#"{"code":"audit_unavailable","detail":"why","request_id":"r"}"#,
            6,
        ),
    ] {
        let (finished, ..) = run_answered(line, http_status, body);
        let finished = finished.expect_status(exit_status);
        assert_eq!(finished.sentence(), "why (request r)", "{line:?}");
        assert_eq!(finished.text(), "", "{line:?}");
    }
}

#[test]
fn every_name_is_required_and_checked_before_anybody_is_asked() {
    let place = Workplace::empty();
    for (line, told) in [
        (
            &["rotations", "open", "--scope", "platform"][..],
            "--new-key-id",
        ),
        (&["rotations", "show"], "--scope"),
        (
            &["rotations", "close", "--scope", "platform", "--old", "k1"],
            "--new",
        ),
        (
            &["rotations", "show", "--scope", "Platform"],
            "must be \"platform\"",
        ),
    ] {
        let finished = shipped!().run(place.path(), line).expect_status(2);
        let sentence = finished.sentence();
        assert!(sentence.contains(told), "{line:?}: {sentence}");
    }
}

#[test]
fn a_key_that_its_provider_does_not_show_is_marked_in_the_list() {
    let list = r#"{"keys":[{"handle_id":"software:platform|k1","provider":"software","scope":"platform","key_id":"k1","state":"active","current":true,"public_key":"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=","valid_from":"2026-01-02T03:04:05Z","valid_until":null,"missing":true}],"next_cursor":null}"#;
    let (finished, ..) = run_answered(&["keys", "list"], 200, list);
    let finished = finished.expect_status(0);
    let row = finished.text().lines().nth(1).unwrap();
    let expected =
        "software:platform|k1  active (missing)  yes      2026-01-02T03:04:05.000000Z  -";
    assert_eq!(row, expected);
}

#[test]
fn a_rotation_is_opened_shown_and_closed() {
    let place = Workplace::with_seed();
    let server = start(&place);
    server.cli(&SHOW).expect_status(3);
    let as_json = [&OPEN[..], &["-o", "json"]].concat();
    let opened = server.cli(&as_json).expect_status(0).json();
    assert_eq!(opened["old_handle_id"], K1_HANDLE);
    assert_eq!(opened["new_handle_id"], "software:platform|k2");
    assert!(opened["closed_at"].is_null());
    assert_eq!(server.cli(&as_json).expect_status(0).json(), opened);
    let shown = [&SHOW[..], &["-o", "json"]].concat();
    assert_eq!(server.cli(&shown).expect_status(0).json(), opened);

    let other = ["rotations", "open", "--scope", "platform", "--new-key-id"];
    let other = [&other[..], &["k3"]].concat();
    let refused = server.cli(&other).expect_status(4);
    let sentence = refused.sentence();
    assert!(
        sentence.starts_with("signing: rotation in progress (request "),
        "{sentence}"
    );
    let by_scope = ["sign", "--scope", "platform", "/dev/null", "-o", "json"];
    let signed = server.cli(&by_scope).expect_status(0).json();
    assert_eq!(signed["key_id"], "k2");
    let by_old_handle = ["sign", "--handle", K1_HANDLE, "/dev/null"];
    server.cli(&by_old_handle).expect_status(0);

    let as_json = [&CLOSE[..], &["-o", "json"]].concat();
    let closed = server.cli(&as_json).expect_status(0).json();
    assert!(closed["closed_at"].is_string());
    assert_eq!(server.cli(&as_json).expect_status(0).json(), closed);
    server.cli(&SHOW).expect_status(3);
    server.cli(&by_old_handle).expect_status(8);
    server.cli(&by_scope).expect_status(0);
}

#[test]
fn the_key_set_of_a_scope_follows_its_rotation() {
    let place = Workplace::with_seed();
    let server = start(&place);
    let kids = |query: &str| {
        let path = format!("/v1/scopes/platform/jwks{query}");
        let set = server.get(&path).expect_status(200).json();
        let keys = set["keys"].as_array().unwrap().clone();
        let kid = |key: &serde_json::Value| key["kid"].as_str().unwrap().to_owned();
        keys.iter().map(kid).collect::<Vec<_>>()
    };
    assert_eq!(kids(""), [K1_HANDLE]);
    server.cli(&OPEN).expect_status(0);
    assert_eq!(kids(""), [K1_HANDLE, "software:platform|k2"]);
    server.cli(&CLOSE).expect_status(0);
    assert_eq!(kids(""), ["software:platform|k2"]);
    assert_eq!(
        kids("?include=retired"),
        [K1_HANDLE, "software:platform|k2"]
    );
}

#[test]
fn closing_a_rotation_that_never_was_is_not_found() {
    let place = Workplace::with_seed();
    let server = start(&place);
    let finished = server.cli(&CLOSE).expect_status(3);
    let sentence = finished.sentence();
    assert!(
        sentence.starts_with("signing: no rotation open (request "),
        "{sentence}"
    );
}
