//! A scope moves from a seed file into the token.

use std::time::Duration;

use signer_test_support::{
    Finished, PublishedKey, Random, ScopeLoad, Server, eventually, path_of, pause, setting,
    sign_request,
};

use super::token::Token;

const OLD: &str = "software:platform|k1";
const NEW: &str = "pkcs11:plexsphere:platform:k2";
const OF_THE_SCOPE: &str = "/v1/scopes/platform/sign";
const SEED: u64 = 0x5eed_0011;

fn rotation(server: &Server, line: &[&str]) -> Finished {
    let mut words = vec!["rotations"];
    words.extend(line);
    words.extend(["--scope", "platform", "-o", "json"]);
    server.cli(&words).expect_status(0)
}

/// Makes sure that this key, and no other, signs for the scope.
fn the_scope_is_signed_for_by(key: &PublishedKey, server: &Server, digest: [u8; 64]) {
    let answer = server.post(OF_THE_SCOPE, &sign_request(&digest));
    let answer = answer.expect_status(200);
    assert!(key.has_signed(&digest, &answer), "{answer:?}");
}

#[test]
fn a_scope_moves_into_the_token_and_its_old_key_never_signs_again() {
    let token = Token::fresh();
    let mut server = token.serve_beside_software();
    let old = PublishedKey::of(&server.generate("k1").json());
    assert_eq!(old.handle_id, OLD);
    the_scope_is_signed_for_by(&old, &server, [1; 64]);

    let opened = rotation(
        &server,
        &["open", "--new-key-id", "k2", "--provider", "pkcs11"],
    )
    .json();
    assert_eq!(opened["old_handle_id"], OLD);
    assert_eq!(opened["new_handle_id"], NEW);
    assert_eq!(token.count("Private Key", "plexsphere:platform:k2"), 1);
    let new = PublishedKey::of(&server.get(&path_of(NEW)).expect_status(200).json());
    the_scope_is_signed_for_by(&new, &server, [2; 64]);
    let of_the_old = format!("{}/sign", old.path());
    let answer = server.post(&of_the_old, &sign_request(&[3; 64]));
    assert!(old.has_signed(&[3; 64], &answer.expect_status(200)));

    // A rotation that is open outlives the process, and with it the key in the token.
    assert!(server.terminate().success());
    let mut server = token.serve_beside_software();
    the_scope_is_signed_for_by(&new, &server, [4; 64]);
    rotation(&server, &["close", "--old", "k1", "--new", "k2"]);
    let refused = server.post(&of_the_old, &sign_request(&[5; 64]));
    assert_eq!(refused.problem_code(), "key_retired");
    the_scope_is_signed_for_by(&new, &server, [6; 64]);
    assert!(server.terminate().success());
    let verdict = token.verdict_on_the_audit_log();
    assert!(verdict.starts_with("intact: "), "{verdict}");
}

#[test]
fn a_scope_moves_into_the_token_under_load_and_no_request_fails() {
    let token = Token::fresh();
    let server = token.serve_beside_software();
    eventually("a token that is ready", || {
        let ready = server.get("/readyz");
        ready.text().contains(r#""pkcs11":"ready""#).then_some(())
    });
    server.generate("k1");
    let load = ScopeLoad::on(&server, Random::new(setting("SIGNER_TEST_SEED", SEED)));
    pause(Duration::from_millis(300));
    let open = ["open", "--new-key-id", "k2", "--provider", "pkcs11"];
    rotation(&server, &open);
    pause(Duration::from_millis(300));
    rotation(&server, &["close", "--old", "k1", "--new", "k2"]);
    pause(Duration::from_millis(300));
    let by_key = load.end(&server);
    println!("{by_key:?}");
    assert_eq!(by_key.keys().collect::<Vec<_>>(), [NEW, OLD]);
    let refused = server.post(&format!("{}/sign", path_of(OLD)), &sign_request(&[7; 64]));
    assert_eq!(refused.problem_code(), "key_retired");
}
