//! Standard error and standard output that nobody reads: no answer, probe or stop waits for a reader.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, pipe};
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use signer_test_support::{K1, Server, Workplace, eventually, full_pipe, sign_request, under_test};

/// Longer than the end of a process takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Starts a custodian whose streams are these.
fn spawn(place: &Workplace, flags: &[String], stdout: Stdio, stderr: Stdio) -> Server {
    Server::spawn_onto(
        &under_test!(),
        place,
        &place.socket(),
        flags,
        stdout,
        stderr,
    )
}

/// Probes until at least one line of the log was dropped, each probe being one line.
fn overflow(server: &Server) {
    for _ in 0..100 {
        let mut connection = server.connect();
        for _ in 0..200 {
            let probe = connection.ask("GET", "/livez", None).unwrap();
            assert_eq!(probe.status, 200);
        }
        if server.metric("log_lines_dropped_total") > 0 {
            return;
        }
    }
    panic!("the log holds 20,000 lines and drops none");
}

#[test]
fn no_answer_no_probe_and_no_stop_waits_for_a_reader_of_the_log() {
    let place = Workplace::with_seed();
    let (reader, writer) = full_pipe();
    let mut flags = place.scripted_flags();
    flags.extend(["--log-level", "debug"].map(str::to_owned));
    let mut server = spawn(&place, &flags, Stdio::null(), writer.into());
    server.wait_until_ready();
    server.generate("sign-panics");
    let software = r#"{"scope":"platform","key_id":"k1","provider":"software"}"#;
    server.post("/v1/keys", software).expect_status(201);
    overflow(&server);
    // A panic is a line too, and so is what the audit log and the providers have to say.
    let body = sign_request(&[7; 64]);
    let panics = server.post("/v1/keys/testdouble%3Aplatform%7Csign-panics/sign", &body);
    panics.expect_status(500);
    for _ in 0..20 {
        server.post(&format!("{K1}/sign"), &body).expect_status(200);
    }
    server.signal(Signal::HUP);
    server.get("/livez").expect_status(200);
    server.get("/readyz").expect_status(200);
    assert!(server.terminate_within(PATIENCE).success());
    // Nobody has read a line up to here.
    drop(reader);
}

#[test]
fn a_log_that_is_read_again_goes_on_and_tells_how_many_lines_it_lacks() {
    let place = Workplace::with_seed();
    let (reader, writer) = full_pipe();
    let mut flags = place.software_flags();
    flags.extend(["--log-level", "debug"].map(str::to_owned));
    let mut server = spawn(&place, &flags, Stdio::null(), writer.into());
    server.wait_until_ready();
    overflow(&server);
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(reader).lines().map(Result::unwrap) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let line: Value = serde_json::from_str(line).unwrap();
            drop(sender.send(line));
        }
    });
    let told = eventually("what was lost", || {
        let told = lines.try_iter().find_map(|line| line["lines"].as_u64());
        // Each probe is a line, for what was lost is told with the next one.
        server.get("/livez").expect_status(200);
        told
    });
    assert_eq!(told, server.metric("log_lines_dropped_total"));
    assert!(server.terminate_within(PATIENCE).success());
    let last = lines.iter().last().unwrap();
    assert_eq!(last["message"], "stopped", "{last}");
}

#[test]
fn a_reader_of_the_log_that_went_away_changes_nothing() {
    let place = Workplace::with_seed();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let flags = place.software_flags();
    let mut server = spawn(&place, &flags, Stdio::null(), writer.into());
    server.wait_until_ready();
    server.generate("k1");
    assert!(server.metric("log_lines_dropped_total") > 0);
    assert!(server.terminate_within(PATIENCE).success());
}

#[test]
fn a_start_that_fails_ends_although_nobody_reads_why() {
    let place = Workplace::with_seed();
    let flags = place.software_flags();
    let mut in_use = Server::start(&under_test!(), &place, &[]);
    let unknown = vec!["--no-such-flag".to_owned()];
    for (flags, status) in [(&unknown, 2), (&flags, 2)] {
        let (_reader, writer) = full_pipe();
        let mut server = spawn(&place, flags, Stdio::null(), writer.into());
        assert_eq!(server.wait().code(), Some(status), "{flags:?}");
    }
    assert!(in_use.terminate().success());
}

#[test]
fn the_development_set_up_serves_although_nobody_reads_its_lines_to_try() {
    let place = Workplace::empty();
    let (_reader, writer) = full_pipe();
    let mut server = Server::spawn_onto(
        &under_test!(),
        &place,
        &place.development_socket(),
        &["--dev"],
        writer.into(),
        fs::File::create(place.file("log")).unwrap().into(),
    );
    server.wait_until_ready();
    server.generate("k1");
    // The lines are shown right behind readiness; whatever blocks on them has had its chance.
    for _ in 0..50 {
        server.get("/readyz").expect_status(200);
    }
    assert!(server.terminate_within(PATIENCE).success());
}
