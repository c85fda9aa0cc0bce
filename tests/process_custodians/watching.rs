//! A custodian whose files are taken away while it serves, and what the next start makes of it.

use std::fs;
use std::time::Duration;

use signer_test_support::{K1, Program, Server, Workplace, eventually, pause, sign_request};

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_plexsphere-signer"))
}

fn sign(server: &Server) -> u16 {
    let body = sign_request(&[3; 64]);
    server.post("/v1/scopes/platform/sign", &body).status
}

/// What `/readyz` says of a check.
fn check(server: &Server, name: &str) -> String {
    let readiness = server.get("/readyz").json();
    readiness["checks"][name].as_str().unwrap().to_owned()
}

/// Waits for what one look of the probes is kept for.
fn shows(server: &Server, name: &str, wanted: &str) {
    eventually(&format!("{name} {wanted}"), || {
        (check(server, name) == wanted).then_some(())
    });
}

fn remove_log_of_registry(place: &Workplace) {
    for suffix in ["wal", "shm"] {
        fs::remove_file(place.file(&format!("registry.db-{suffix}"))).unwrap();
    }
}

/// Starts in vain, and gives the sentence.
fn refusal(place: &Workplace) -> String {
    let flags = place.software_flags();
    let mut server = Server::spawn(&program(), place.path(), &place.socket(), flags);
    assert_eq!(server.wait().code(), Some(2));
    let log = server.take_log();
    let sentence = log.lines().find(|line| line.starts_with("error: "));
    sentence.unwrap().to_owned()
}

#[test]
fn whatever_file_of_the_state_is_taken_away_nothing_is_signed_until_it_is_back() {
    let place = Workplace::with_seed();
    let server = Server::start(&program(), &place, &[]);
    server.generate("k1");
    for (name, named) in [
        ("registry.db", "registry"),
        ("registry.db-wal", "registry"),
        ("registry.db-shm", "registry"),
        ("registry.db.lock", "registry"),
        ("audit.jsonl.lock", "audit"),
    ] {
        assert_eq!(sign(&server), 200);
        let (path, aside) = (place.file(name), place.file("aside"));
        fs::rename(&path, &aside).unwrap();
        for replaced in [false, true] {
            if replaced {
                fs::copy(&aside, &path).unwrap();
            }
            // The look that the signature before was released on may serve for two milliseconds.
            pause(Duration::from_millis(5));
            assert_eq!(sign(&server), 503, "{name}");
            shows(&server, named, "failing");
        }
        fs::rename(&aside, &path).unwrap();
        shows(&server, named, "ok");
    }
    assert_eq!(sign(&server), 200);
}

#[test]
fn a_removed_log_of_the_registry_costs_nothing_when_the_custodian_ends_in_order() {
    let place = Workplace::with_seed();
    let mut server = Server::start(&program(), &place, &[]);
    server.generate("k1");
    fs::remove_file(place.file("registry.db-wal")).unwrap();
    let body = r#"{"scope":"platform","key_id":"k2"}"#;
    assert_eq!(server.post("/v1/keys", body).status, 503);
    pause(Duration::from_millis(5));
    assert_eq!(sign(&server), 503);
    shows(&server, "registry", "failing");
    assert!(server.terminate().success());
    let server = Server::start(&program(), &place, &[]);
    server.get(K1).expect_status(200);
    assert_eq!(sign(&server), 200);
}

/// Both the log and the custodian go before it can see it.
#[test]
fn what_a_lost_log_of_the_registry_held_is_refused_by_name_at_the_next_start() {
    let open = r#"{"new_key_id":"k2"}"#;
    let retire = format!("{K1}/retire");
    let block = format!("{K1}/block");
    let lost: [(&str, &str, &str); 4] = [
        (
            "/v1/keys",
            r#"{"scope":"platform","key_id":"k2"}"#,
            "tells of key software:platform|k2, which is not in it",
        ),
        (
            "/v1/scopes/platform/rotations",
            open,
            "tells of key software:platform|k2, which is not in it",
        ),
        (
            &block,
            "",
            "key software:platform|k1 was blocked, and in it it may sign",
        ),
        (
            &retire,
            "",
            "key software:platform|k1 was retired, and is not in it",
        ),
    ];
    for (path, body, told) in lost {
        let place = Workplace::with_seed();
        let mut server = Server::start(&program(), &place, &[]);
        server.generate("k1");
        assert!(server.terminate().success());
        let mut server = Server::start(&program(), &place, &[]);
        let status = server.post(path, body).status;
        assert!(matches!(status, 200 | 201), "{path}: {status}");
        remove_log_of_registry(&place);
        server.kill();
        let sentence = refusal(&place);
        assert!(sentence.contains(told), "{path}: {sentence}");
        assert!(sentence.contains("accept-registry"), "{sentence}");
        let registry = format!("sqlite:{}", place.registry().display());
        let line = ["audit", "accept-registry", "--audit-log", "audit.jsonl"];
        let line = line.into_iter().chain(["--registry", &registry]);
        program().run(place.path(), line).expect_status(0);
        let server = Server::start(&program(), &place, &[]);
        assert_eq!(sign(&server), 200);
    }
}
