//! Callers who are somebody else.

use signer_test_support::{STRANGER, Workplace};

use super::contract::expect_problem;
use super::scripted::{self, body, path};

#[test]
fn another_user_is_denied_alike_whether_or_not_the_key_or_the_path_exists() {
    let place = Workplace::with_seed();
    place.open_to_everyone();
    let server = scripted::start(&place, &["--socket-mode", "0666"]);
    server.generate("k1");
    let body = body();
    let (standing, unknown) = (path("k1"), path("k2"));
    let mut answers = Vec::new();
    for (method, path, json) in [
        ("POST", format!("{standing}/sign"), Some(body.as_str())),
        ("POST", format!("{unknown}/sign"), Some(body.as_str())),
        ("POST", format!("{standing}/retire"), None),
        ("GET", "/nowhere".to_owned(), None),
        ("DELETE", "/v1/keys".to_owned(), None),
    ] {
        let answer = server.ask_as(STRANGER, method, &path, json);
        expect_problem(&answer, "denied");
        let mut problem = answer.json();
        problem["request_id"].take();
        answers.push(problem);
    }
    assert!(answers.iter().all(|it| *it == answers[0]), "{answers:?}");
    assert_eq!(server.get(&standing).json()["state"], "active");
}
