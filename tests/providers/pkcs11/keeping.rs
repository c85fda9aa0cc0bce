//! Keys live in the token and outlive everything else.

use std::fs;

use signer_test_support::{openssl_verifies, path_of, sign_request};

use super::token::{LABEL, PIN, Token};

const HANDLE: &str = "pkcs11:plexsphere:platform:k1";

#[test]
fn a_key_signs_what_openssl_verifies_and_pkcs11_tool_lists_it() {
    let token = Token::fresh();
    let server = token.serve(&[]);
    let document = server.generate("k1").json();
    assert_eq!(document["handle_id"], HANDLE);
    assert_eq!(document["provider"], "pkcs11");

    openssl_verifies(&server, &token.place, ["--scope", "platform"], HANDLE);

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

#[test]
fn keys_and_retirements_outlive_the_process_and_the_token_remembers_them_by_itself() {
    let token = Token::fresh();
    let mut server = token.serve(&[]);
    let (kept, gone) = (
        server.generate("kept").json(),
        server.generate("gone").json(),
    );
    let sign = |key_id: &str| {
        format!(
            "{}/sign",
            path_of(&format!("pkcs11:plexsphere:platform:{key_id}"))
        )
    };
    let digest = sign_request(&[7; 64]);
    let signature = server
        .post(&sign("kept"), &digest)
        .expect_status(200)
        .json();
    let retired = format!("{}/retire", path_of("pkcs11:plexsphere:platform:gone"));
    server.post(&retired, "").expect_status(200);
    assert!(server.terminate().success());
    assert_eq!(token.count("Private Key", "plexsphere:platform:gone"), 0);
    assert_eq!(token.count("Public Key", "plexsphere:platform:gone"), 1);

    let mut server = token.serve(&[]);
    let again = server
        .post(&sign("kept"), &digest)
        .expect_status(200)
        .json();
    assert_eq!(again, signature);
    server.post(&sign("gone"), &digest).expect_status(410);
    let shown = server.get(&format!(
        "{}/public-key",
        path_of("pkcs11:plexsphere:platform:gone")
    ));
    assert_eq!(
        shown.expect_status(200).json()["public_key"],
        gone["public_key"]
    );
    assert!(server.terminate().success());

    // Without its registry a custodian still makes no second key of a name. The audit log tells of
    // that registry, so it has to be put away as well.
    fs::remove_file(token.place.registry()).unwrap();
    for name in token.place.names() {
        if name.starts_with("audit.jsonl") {
            fs::remove_file(token.place.file(&name)).unwrap();
        }
    }
    let server = token.serve(&[]);
    let adopted = server.generate("kept").json();
    assert_eq!(adopted["public_key"], kept["public_key"]);
    let refused = server.post("/v1/keys", r#"{"scope":"platform","key_id":"gone"}"#);
    assert_eq!(refused.problem_code(), "key_retired");
}
