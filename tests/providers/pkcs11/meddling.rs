//! Labels that somebody else with the PIN has meddled with.

use std::time::Duration;

use serde_json::Value;
use signer_test_support::{Server, eventually, full_pipe, openssl_verifies, path_of, sign_request};

use super::token::{LABEL, PIN, Token};
use crate::suite::Installation as _;

const LOGIN: [&str; 5] = ["--token-label", LABEL, "--login", "--pin", PIN];

fn handle(key_id: &str) -> String {
    format!("pkcs11:plexsphere:platform:{key_id}")
}

/// A second pair under a label of ours.
fn double(token: &Token, key_id: &str) {
    let label = format!("plexsphere:platform:{key_id}");
    let make = [
        "--keypairgen",
        "--key-type",
        "EC:edwards25519",
        "--label",
        &label,
    ];
    token.tool(&[&LOGIN[..], &make].concat());
}

fn destroy_public(token: &Token, key_id: &str) {
    let label = format!("plexsphere:platform:{key_id}");
    let delete = ["--delete-object", "--type", "pubkey", "--label", &label];
    token.tool(&[&LOGIN[..], &delete].concat());
}

fn signs(server: &Server, token: &Token) {
    for key_id in ["k1", "k2"] {
        let handle = handle(key_id);
        openssl_verifies(server, &token.place, ["--handle", &handle], &handle);
    }
}

fn warnings(server: &Server) -> String {
    let ready = server.get("/readyz").expect_status(200).json();
    ready.get("warnings").unwrap().to_string()
}

#[test]
fn a_second_pair_and_a_lost_public_half_are_told_of_and_the_registered_keys_sign_on() {
    let token = Token::fresh();
    let mut server = token.serve(&[]);
    let made = ["k1", "k2"].map(|key_id| server.generate(key_id).json());
    assert_eq!(warnings(&server), "[]");
    double(&token, "k1");
    destroy_public(&token, "k2");
    eventually("a warning", || {
        let told = warnings(&server);
        let is_told =
            told.contains("name more than one pair") && told.contains("public half is gone");
        is_told.then_some(())
    });
    assert_eq!(server.metric("pkcs11_odd_labels"), 2);
    server.wait_for_log("the label", |line| {
        line.contains("does not name exactly one pair") && line.contains("plexsphere:platform:k1")
    });
    signs(&server, &token);
    assert!(server.terminate().success());

    let check = token.run("check", &["-o", "json"]).expect_status(2).json();
    let steps = check["steps"].as_array().unwrap();
    let detail = steps.last().unwrap()["detail"].as_str().unwrap().to_owned();
    for named in [
        "plexsphere:platform:k1 (private halves: 2, public halves: 2)",
        "plexsphere:platform:k2 (private halves: 1, public halves: 0)",
    ] {
        assert!(detail.contains(named), "{detail}");
    }

    let mut server = token.serve(&[]);
    signs(&server, &token);
    for (key_id, made) in ["k1", "k2"].into_iter().zip(&made) {
        let shown = server.get(&format!("{}/public-key", path_of(&handle(key_id))));
        assert_eq!(
            shown.expect_status(200).json()["public_key"],
            made["public_key"]
        );
        server
            .post(&format!("{}/retire", path_of(&handle(key_id))), "")
            .expect_status(200);
        let refused = server.post(
            &format!("{}/sign", path_of(&handle(key_id))),
            &sign_request(&[7; 64]),
        );
        assert_eq!(refused.problem_code(), "key_retired");
    }
    // What somebody else has made is not ours to destroy.
    assert_eq!(token.count("Private Key", "plexsphere:platform:k1"), 1);
    assert_eq!(token.count("Private Key", "plexsphere:platform:k2"), 0);
    assert!(server.terminate().success());
}

#[test]
fn what_a_module_prints_is_no_part_of_a_document() {
    let token = Token::new();
    token.rules("C_GetInfo print\n");
    for command in ["check", "mechanisms"] {
        let document = token.run(command, &["-o", "json"]).expect_status(0).json();
        assert!(matches!(document, Value::Object(_)), "{document}");
    }
}

#[test]
fn what_a_module_prints_waits_for_no_reader() {
    let token = Token::new();
    token.rules("C_Sign print\n");
    let (_unread_output, stdout) = full_pipe();
    let (_unread_log, stderr) = full_pipe();
    let mut server = token.spawn_onto(stdout.into(), stderr.into());
    server.wait_until_ready();
    server.generate("k1");
    let path = format!("{}/sign", path_of(&handle("k1")));
    for _ in 0..20 {
        server
            .post(&path, &sign_request(&[7; 64]))
            .expect_status(200);
    }
    assert!(server.terminate_within(Duration::from_mins(1)).success());
}
