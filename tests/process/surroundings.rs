//! A custodian in surroundings that are not as it would like them: limits, full disks, user namespaces,
//! stray signals, clocks that are far out, the place of process 1. It says so in one sentence, or serves.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod clock;
mod disk;
mod limits;
mod namespace;
mod signals;

use std::os::unix::fs::chown;
use std::process::Command;

use signer_test_support::{Program, Server, Workplace, shipped};

/// A place that belongs to `user`, with a copy of the program that this user may run.
fn place_of(user: u32) -> (Workplace, Program) {
    let place = Workplace::with_seed();
    place.open_to_everyone();
    let copy = place.file("program");
    // By another process: a file that is open for writing here would be busy for a moment.
    let copied = Command::new("cp")
        .arg(shipped!().path())
        .arg(&copy)
        .status();
    assert!(copied.unwrap().success());
    for path in [place.path(), &place.seed_file()] {
        chown(path, Some(user), Some(user)).unwrap();
    }
    (place, Program::new(copy.to_str().unwrap()))
}

/// Starts a custodian and waits until it is ready or has ended; then with which status and sentence.
fn served_or_refused(
    program: &Program,
    place: &Workplace,
    flags: &[String],
) -> Result<Server, (i32, String)> {
    let mut server = Server::spawn(program, place, flags);
    match server.ready_or_ended() {
        None => Ok(server),
        Some(status) => {
            let log = server.take_log();
            assert!(!log.contains("panicked"), "{log}");
            let status = status.code().unwrap_or_else(|| panic!("{status}: {log}"));
            let last = log.lines().last().unwrap_or_default();
            let sentence = last.strip_prefix("error: ");
            let sentence = sentence.unwrap_or_else(|| panic!("{status}: {log}"));
            Err((status, sentence.to_owned()))
        }
    }
}
