//! A rotation whose provider lost its answer, and was taken out of the configuration.

use std::fs;

use serde_json::Value;
use signer_test_support::{Server, Workplace, eventually, sign_request, under_test};

#[test]
fn a_scope_whose_rotation_waits_for_a_provider_that_is_gone_has_a_way_out() {
    let place = Workplace::with_seed();
    let program = under_test!();
    let flags = place.scripted_flags();
    let mut server = Server::spawn(&program, &place, flags);
    assert_eq!(server.ready_or_ended(), None);
    let key = r#"{"scope":"platform","key_id":"k1","provider":"software"}"#;
    server.post("/v1/keys", key).expect_status(201);
    let rotations = "/v1/scopes/platform/rotations";
    let lost = r#"{"new_key_id":"generate-lost","provider":"testdouble"}"#;
    server.post(rotations, lost).expect_status(503);
    assert!(server.terminate().success());

    let mut server = Server::start(&program, &place, &[]);
    let warning = eventually("the warning", || {
        let readiness = server.get("/readyz").expect_status(200).json();
        readiness["warnings"][0].as_str().map(str::to_owned)
    });
    assert_eq!(
        warning,
        "rotation of scope \"platform\" to key \"generate-lost\" waits for key provider \
         \"testdouble\", which is not configured: configure it again, or open a rotation to a \
         key of another name that names another provider"
    );
    let unnamed = server.post(rotations, r#"{"new_key_id":"k2"}"#);
    assert_eq!(unnamed.problem_code(), "rotation_in_progress");
    let socket = place.socket().display().to_string();
    let open = [
        "rotations",
        "open",
        "--scope",
        "platform",
        "--new-key-id",
        "k2",
    ];
    let named = ["--provider", "software", "--socket", &socket];
    program
        .run(place.path(), open.iter().chain(&named))
        .expect_status(0);
    let signed = server.post("/v1/scopes/platform/sign", &sign_request(&[3; 64]));
    assert_eq!(signed.expect_status(200).json()["key_id"], "k2");
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(log.contains("rotation abandoned"), "{log}");
    let lines = fs::read_to_string(place.file("audit.jsonl")).unwrap();
    let entries = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let abandoned: Vec<Value> = entries
        .filter(|entry| entry["op"] == "rotation_abandon")
        .collect();
    assert_eq!(abandoned.len(), 1, "{lines}");
    assert_eq!(abandoned[0]["key_id"], "generate-lost");
    assert_eq!(abandoned[0]["provider"], "testdouble");
    program
        .run(place.path(), ["audit", "verify", "audit.jsonl"])
        .expect_status(0);
}
