//! A clock that shows a time before 1970 or after 9999, at the start and later.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use signer_test_support::{Program, Server, Workplace, path_of, shipped, sign_request};

use super::served_or_refused;

const YEAR: i64 = 31_556_952;
/// How far off the clock is, in seconds.
const FAR_OUT: [i64; 2] = [-100 * YEAR, 9000 * YEAR];

/// The program under a clock that is off by what the returned file says.
fn under_a_clock_of_its_own(place: &Workplace) -> (Program, PathBuf) {
    let library = place.file("clock.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/process/surroundings/clock.c");
    let compiled = Command::new("cc")
        .args(["-Wall", "-Werror", "-shared", "-fPIC", source, "-o"])
        .arg(&library)
        .status();
    assert!(compiled.unwrap().success());
    let shift = place.file("shift");
    let program = shipped!()
        .with_variable("LD_PRELOAD", &library.display().to_string())
        .with_variable("CLOCK_SHIFT", &shift.display().to_string());
    (program, shift)
}

#[test]
fn a_start_under_a_clock_before_1970_or_after_9999_is_refused() {
    for seconds in FAR_OUT {
        let place = Workplace::with_seed();
        let (program, shift) = under_a_clock_of_its_own(&place);
        fs::write(&shift, seconds.to_string()).unwrap();
        let flags = place.software_flags();
        let (status, sentence) = served_or_refused(&program, &place, &flags).unwrap_err();
        assert_eq!(status, 1, "{sentence}");
        assert!(sentence.contains("before 1970 or after 9999"), "{sentence}");
    }
}

#[test]
fn a_clock_that_goes_there_later_leaves_no_request_unanswered() {
    for seconds in FAR_OUT {
        let place = Workplace::with_seed();
        let (program, shift) = under_a_clock_of_its_own(&place);
        let mut server = Server::start(&program, &place, &[]);
        server.generate("before");
        // By a rename: the clock is read at any moment.
        fs::write(place.file("shift.new"), seconds.to_string()).unwrap();
        fs::rename(place.file("shift.new"), &shift).unwrap();
        // The HTTP library then stops telling the date, with a panic of a task that does nothing else.
        server.wait_for_log("the end of the date", is_end_of_date);
        work(&server, "before", "meanwhile");
        fs::remove_file(&shift).unwrap();
        work(&server, "meanwhile", "afterwards");
        assert!(server.terminate().success(), "{seconds}");
        let log = server.take_log();
        let mut panics = log.lines().filter(|line| line.contains("panicked"));
        assert!(panics.all(is_end_of_date), "{seconds}: {log}");
        program
            .run(place.path(), ["audit", "verify", "audit.jsonl"])
            .expect_status(0);
    }
}

fn is_end_of_date(line: &str) -> bool {
    line.contains("panicked") && line.contains("/httpdate-")
}

/// Asks for everything that has to do with time. The current key of the platform is `old`, and then `new`.
fn work(server: &Server, old: &str, new: &str) {
    let spare = format!("{new}-spare");
    let key = |name: &str| path_of(&format!("software:platform|{name}"));
    let post = |path: &str, json: &str| server.post(path, json).expect_status(200);
    assert_eq!(server.generate(&spare).status, 201);
    let close = format!(r#"{{"old_key_id":"{old}","new_key_id":"{new}"}}"#);
    let open = format!(r#"{{"new_key_id":"{new}"}}"#);
    server
        .post("/v1/scopes/platform/rotations", &open)
        .expect_status(201);
    post("/v1/scopes/platform/sign", &sign_request(&[7; 64]));
    post("/v1/scopes/platform/rotations/close", &close);
    post(&format!("{}/sign", key(new)), &sign_request(&[7; 64]));
    for act in ["block", "unblock", "retire"] {
        post(&format!("{}/{act}", key(&spare)), "");
    }
    let retired = server.get(&key(&spare)).expect_status(200);
    assert_eq!(retired.json()["state"], "retired");
    for path in [
        "/v1/keys",
        "/v1/scopes/platform/jwks?include=retired",
        "/livez",
        "/readyz",
        "/metrics",
    ] {
        server.get(path).expect_status(200);
    }
    server.get("/nothing").expect_status(404);
    // Said by the parser, which knows the date by itself.
    let mut connection = server.connect();
    connection.send(b"no head at all\r\n\r\n").unwrap();
    assert_eq!(connection.receive().unwrap().status, 400);
    // Closed while the caller still sends; the answer comes all the same.
    let mut connection = server.connect();
    let head = "POST /v1/sign HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\nContent-Length: 16777216\r\n\r\n";
    connection.send(head.as_bytes()).unwrap();
    drop(connection.send(&vec![b'x'; 1 << 24]));
    assert_eq!(connection.receive().unwrap().status, 413);
}
