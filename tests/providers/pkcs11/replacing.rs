//! A token that was erased, or another one in its place, while no custodian ran.

use std::fs;

use signer_test_support::{Server, copy_directory, eventually, path_of, sign_request};

use super::token::Token;
use crate::suite::Installation as _;

const SENTINEL: &str = "plexsphere:sentinel";
const ERASED: &str = "the registry knows keys of this token, but the token holds neither them nor the \
                      sentinel: it was erased, or it is another one";

const NOTHING_TO_ACCEPT: &str = "nothing to accept: the token has its sentinel\n";

/// Takes the token into use on the word of an operator, and tells what was said.
fn accept(token: &Token) -> String {
    let finished = token.run("accept-token", &[]);
    finished.expect_status(0).text().to_owned()
}

fn sign_path(key_id: &str) -> String {
    let handle = format!("pkcs11:plexsphere:platform:{key_id}");
    format!("{}/sign", path_of(&handle))
}

/// Makes a key, ends the custodian, and tells the signature by that key.
fn make_a_key_and_stop(mut server: Server) -> serde_json::Value {
    server.generate("k1");
    let signed = server.post(&sign_path("k1"), &sign_request(&[7; 64]));
    assert!(server.terminate().success());
    signed.expect_status(200).json()
}

fn wait_until_it_is_said_to_be_erased(server: &Server) {
    server.wait_for_log("what has become of the token", |line| line.contains(ERASED));
    eventually("a provider that is down", || {
        let readiness = server.get("/readyz");
        let is_down = readiness.text().contains(r#""pkcs11":"down""#);
        is_down.then_some(())
    });
}

#[test]
fn an_erased_token_is_not_taken_for_a_new_one_and_the_right_one_heals_it() {
    let token = Token::fresh();
    let signature = make_a_key_and_stop(token.serve(&[]));
    let (store, kept) = (token.place.file("tokens"), token.place.file("kept"));
    copy_directory(&store, &kept);
    token.make();

    let mut server = token.spawn(&[]);
    wait_until_it_is_said_to_be_erased(&server);
    server.get("/readyz").expect_status(503);
    assert_eq!(token.count("Private Key", SENTINEL), 0);
    let refused = server.post("/v1/keys", r#"{"scope":"platform","key_id":"k2"}"#);
    assert_eq!(refused.problem_code(), "provider_unavailable");

    fs::rename(&store, token.place.file("erased")).unwrap();
    fs::rename(&kept, &store).unwrap();
    server.wait_until_ready();
    let again = server.post(&sign_path("k1"), &sign_request(&[7; 64]));
    assert_eq!(again.expect_status(200).json(), signature);
    assert!(server.terminate().success());
    let log = server.take_log();
    assert!(!log.contains("making its sentinel"), "{log}");
}

#[test]
fn beside_an_erased_token_other_providers_go_on() {
    let token = Token::fresh();
    make_a_key_and_stop(token.serve(&[]));
    token.make();
    let mut server = token.start_beside_software();
    wait_until_it_is_said_to_be_erased(&server);
    server.generate("other");
    assert!(server.terminate().success());
    assert_eq!(token.count("Private Key", SENTINEL), 0);
}

#[test]
fn a_name_that_was_reserved_and_never_acknowledged_makes_no_token_known() {
    let token = Token::new();
    let mut server = token.serve(&[]);
    token.rules("C_GenerateKeyPair rv=CKR_DEVICE_ERROR\n");
    let refused = server.post("/v1/keys", r#"{"scope":"platform","key_id":"k1"}"#);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    eventually("a reservation that nobody settles", || {
        (server.metric("reservations_unsettled") == 1).then_some(())
    });
    server.kill();
    token.rules("");
    token.make();
    token.serve(&[]).generate("k1");
}

#[test]
fn an_operator_accepts_an_empty_token_and_its_keys_of_before_stay_lost() {
    let token = Token::fresh();
    make_a_key_and_stop(token.serve(&[]));
    token.make();
    let mut server = token.spawn(&[]);
    wait_until_it_is_said_to_be_erased(&server);

    assert_eq!(accept(&token), "accepted: the token has a sentinel now\n");
    server.wait_until_ready();
    assert_eq!(token.count("Private Key", SENTINEL), 1);
    server.generate("k2");
    let lost = server.post(&sign_path("k1"), &sign_request(&[7; 64]));
    assert_eq!(lost.problem_code(), "provider_unavailable");

    assert_eq!(accept(&token), NOTHING_TO_ACCEPT);
    assert_eq!(token.count("Private Key", SENTINEL), 1);
}

#[test]
fn a_token_that_is_slow_to_log_in_has_its_sentinel_all_the_same() {
    let token = Token::new();
    make_a_key_and_stop(token.serve(&[]));
    // Longer than the start waits for a token.
    token.rules("C_Login delay=7000\n");
    assert_eq!(accept(&token), NOTHING_TO_ACCEPT);
}
