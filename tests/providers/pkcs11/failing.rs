//! A module on a bad day, seen from outside of the process.

use std::fs;
use std::time::{Duration, Instant};

use signer_test_support::{eventually, path_of, sign_request};

use super::token::Token;
use crate::suite::Installation as _;

const STUCK: &str = "pkcs11:plexsphere:platform:stuck";
const OTHER: &str = "pkcs11:plexsphere:platform:other";

fn sign_path(handle: &str) -> String {
    format!("{}/sign", path_of(handle))
}

#[test]
fn a_call_that_hangs_keeps_neither_other_keys_from_signing_nor_the_process_from_ending() {
    let token = Token::new();
    let patience = [
        "--pkcs11-sessions",
        "2",
        "--request-deadline",
        "2s",
        "--drain-timeout",
        "5s",
    ];
    let mut server = token.serve(&patience);
    server.generate("stuck");
    server.generate("other");
    assert_eq!(server.metric("pkcs11_hung_calls"), 0);
    token.rules("C_Sign label=plexsphere:platform:stuck hang\n");
    let digest = sign_request(&[7; 64]);
    let refused = server.post(&sign_path(STUCK), &digest);
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.problem_code(), "provider_unavailable");
    server.post(&sign_path(OTHER), &digest).expect_status(200);
    assert_eq!(server.metric("pkcs11_hung_calls"), 1);

    let started = Instant::now();
    let status = server.terminate();
    let took = started.elapsed();
    assert!(status.success(), "{status}: {}", server.take_log());
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(!token.place.socket().exists());
    // The process ends on the spot then, and its record is signed to the end all the same.
    let entries = fs::read_to_string(token.audit_log())
        .unwrap()
        .lines()
        .count();
    let verdict = token.verdict_on_the_audit_log();
    let signed_to_the_end = format!("; signed up to {entries}\n");
    assert!(verdict.ends_with(&signed_to_the_end), "{verdict}");
}

#[test]
fn a_key_that_has_come_to_mean_another_is_looked_up_anew() {
    let token = Token::new();
    let server = token.serve(&["--pkcs11-sessions", "1"]);
    server.generate("stuck");
    server.generate("other");
    let digest = sign_request(&[7; 64]);
    let signature = server
        .post(&sign_path(OTHER), &digest)
        .expect_status(200)
        .json();
    server.post(&sign_path(STUCK), &digest).expect_status(200);
    token.rules("C_SignInit at=1 swap=previous\n");
    let again = server
        .post(&sign_path(OTHER), &digest)
        .expect_status(200)
        .json();
    assert_eq!(again, signature);
}

/// The call may never return, and until it does nothing may initialise the module anew.
#[test]
fn a_module_that_is_stuck_ends_the_process_for_its_supervisor_to_start_another() {
    let token = Token::new();
    let mut server = token.serve(&["--pkcs11-sessions", "2", "--request-deadline", "2s"]);
    server.generate("stuck");
    server.generate("other");
    let digest = sign_request(&[7; 64]);
    let signature = server
        .post(&sign_path(OTHER), &digest)
        .expect_status(200)
        .json();
    let hang = "C_Sign label=plexsphere:platform:stuck hang\n";
    token.rules(hang);
    let refused = server.post(&sign_path(STUCK), &digest);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    token.rules(&format!("{hang}C_SignInit rv=CKR_DEVICE_REMOVED\n"));
    // From here on only the self-tests ask.
    let refused = server.post(&sign_path(OTHER), &digest);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    eventually("a custodian that is not ready", || {
        (server.get("/readyz").status == 503).then_some(())
    });

    let status = server.wait();
    let log = server.take_log();
    assert_eq!(status.code(), Some(70), "{status}: {log}");
    let said = log.lines().filter(|line| line.contains("the process ends"));
    assert_eq!(said.count(), 1, "{log}");
    assert!(!token.place.socket().exists());
    let entries = fs::read_to_string(token.audit_log())
        .unwrap()
        .lines()
        .count();
    let verdict = token.verdict_on_the_audit_log();
    let signed_to_the_end = format!("; signed up to {entries}\n");
    assert!(verdict.ends_with(&signed_to_the_end), "{verdict}");

    token.rules("");
    let again = token.serve(&[]);
    let answer = again.post(&sign_path(OTHER), &digest).expect_status(200);
    assert_eq!(answer.json(), signature);
}
