//! Signing in with a token that somebody issues.

use std::fs;
use std::time::{Duration, Instant};

use signer_cloud_fakes::Fault;
use signer_test_support::{Server, eventually, pause};

use super::harness::Harness;
use crate::suite::{Installation as _, wait_for_warning};

const DIGEST: [u8; 64] = [7; 64];

fn assert_signs(server: &Server, harness: &Harness) {
    let key = server.make("k1");
    let signed = server.sign(&key, &DIGEST).expect_status(200);
    assert!(key.has_signed(&DIGEST, &signed));
    assert!(!harness.service.issued_tokens().is_empty());
}

/// Revokes all tokens, of which the library has one in its memory for an hour, and issues new ones.
fn replace_tokens(harness: &Harness) {
    // What was signed in with a moment ago is not given up: who issues tokens must not be stormed.
    pause(Duration::from_millis(1100));
    harness.service.revoke_tokens();
    harness.service.issue_again();
}

#[test]
fn a_token_that_is_no_longer_good_is_replaced_within_the_call() {
    let harness = Harness::new();
    let server = harness.serve(&[]);
    let key = server.make("k1");
    replace_tokens(&harness);
    let signed = server.sign(&key, &DIGEST).expect_status(200);
    assert!(key.has_signed(&DIGEST, &signed));
    assert_eq!(harness.service.issued_tokens().len(), 2);
}

#[test]
fn a_credentials_file_that_comes_late_is_read() {
    let harness = Harness::new();
    let file = harness.place.file("credentials.json");
    fs::remove_file(&file).unwrap();
    let mut server = harness.spawn(&[]);
    wait_for_warning(&server, "credentials are missing, expired or refused");
    fs::write(&file, "{\"type\":\"authorized_user\"}").unwrap();
    wait_for_warning(&server, "credentials are missing, expired or refused");
    harness.write_credentials();
    server.wait_until_ready();
    assert_signs(&server, &harness);
}

#[test]
fn who_issues_tokens_may_be_away_for_a_while() {
    let harness = Harness::new();
    harness.tokens.stop();
    let mut server = harness.spawn(&[]);
    wait_for_warning(&server, "who issues access tokens cannot be asked");
    harness.tokens.resume();
    server.wait_until_ready();
    assert_signs(&server, &harness);
}

#[test]
fn who_issues_tokens_may_be_silent_and_is_asked_again() {
    let harness = Harness::new();
    let server = harness.serve(&[]);
    let key = server.make("k1");
    replace_tokens(&harness);
    harness.tokens.inject(1, |_| true, Fault::Hang);
    let began = Instant::now();
    let refused = server.sign(&key, &DIGEST).expect_status(503);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    eventually("a signature", || {
        (server.sign(&key, &DIGEST).status == 200).then_some(())
    });
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}
