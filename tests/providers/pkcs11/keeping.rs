//! Keys live in the token and outlive everything else.

use signer_test_support::{path_of, sign_request};

use super::token::{LABEL, PIN, Token};
use crate::suite::Installation as _;

const HANDLE: &str = "pkcs11:plexsphere:platform:k1";

#[test]
fn pkcs11_tool_lists_a_key_that_was_never_extractable() {
    let token = Token::fresh();
    let server = token.serve(&[]);
    assert_eq!(server.make("k1").handle_id, HANDLE);
    assert_eq!(token.count("Private Key", "plexsphere:platform:k1"), 1);
    assert_eq!(token.count("Public Key", "plexsphere:platform:k1"), 1);
    assert_eq!(token.count("Private Key", "plexsphere:sentinel"), 1);
    assert!(token.objects().contains("never extractable"));
}

#[test]
fn a_private_half_that_was_destroyed_behind_our_back_is_retired_and_missed() {
    let token = Token::fresh();
    let mut server = token.serve(&[]);
    server.generate("k1");
    let digest = sign_request(&[7; 64]);
    let path = format!("{}/sign", path_of(HANDLE));
    server.post(&path, &digest).expect_status(200);
    assert_eq!(server.metric("keys_missing"), 0);
    let login = ["--token-label", LABEL, "--login", "--pin", PIN];
    let delete = [
        "--delete-object",
        "--type",
        "privkey",
        "--label",
        "plexsphere:platform:k1",
    ];
    token.tool(&[&login[..], &delete].concat());

    let refused = server.post(&path, &digest);
    assert_eq!(
        (refused.status, refused.problem_code().as_str()),
        (410, "key_retired")
    );
    assert_eq!(server.metric("keys_missing"), 1);
    let asked_for = server.post("/v1/keys", r#"{"scope":"platform","key_id":"k1"}"#);
    assert_eq!(
        (asked_for.status, asked_for.problem_code().as_str()),
        (503, "provider_unavailable")
    );
    let shown = server.get(&format!("{}/public-key", path_of(HANDLE)));
    assert_eq!(shown.expect_status(200).json()["cached"], false);
    let listed = server.get("/v1/keys").expect_status(200).json();
    assert_eq!(listed["keys"][0]["state"], "active", "{listed}");
    assert_eq!(listed["keys"][0]["missing"], true, "{listed}");
    server.wait_for_log("the warning", |line| {
        line.contains("provider does not show a registered key")
    });
    assert!(server.terminate().success());
}
