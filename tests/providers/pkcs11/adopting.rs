//! A pair that somebody else put into the token under a name that the custodian is asked to make.

use std::process::Command;

use super::token::{LABEL, PIN, Token};
use crate::suite::Installation as _;

const EVIL: &str = "plexsphere:platform:evil";
const REQUEST: &str = r#"{"scope":"platform","key_id":"evil"}"#;

/// Makes a private key with OpenSSL and imports it with the tool of the module.
fn import(token: &Token, label: &str) {
    let file = token.place.file("evil.pem");
    let key = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(key.status.success(), "{key:?}");
    let digits: Vec<String> = label.bytes().map(|byte| format!("{byte:02x}")).collect();
    let id = digits.concat();
    let imported = token
        .with_token(&mut Command::new("softhsm2-util"))
        .arg("--import")
        .arg(&file)
        .args([
            "--token", LABEL, "--pin", PIN, "--label", label, "--id", &id,
        ])
        .output()
        .unwrap();
    assert!(imported.status.success(), "{imported:?}");
}

fn destroy(token: &Token, label: &str) {
    let login = ["--token-label", LABEL, "--login", "--pin", PIN];
    for class in ["privkey", "pubkey"] {
        let delete = ["--delete-object", "--type", class, "--label", label];
        token.tool(&[&login[..], &delete].concat());
    }
}

#[test]
fn a_private_key_that_was_imported_signs_for_nobody_and_leaves_no_trace() {
    if !Token::is_of_softhsm() {
        println!("skipped: only SoftHSM has a tool that imports such a key");
        return;
    }
    let token = Token::fresh();
    let mut server = token.serve(&[]);
    server.generate("good");
    import(&token, EVIL);
    for _ in 0..2 {
        let refused = server.post("/v1/keys", REQUEST);
        assert_eq!(refused.problem_code(), "provider_unavailable");
        assert!(!refused.text().contains(EVIL), "{refused:?}");
    }
    server.wait_for_log("the cause", |line| {
        line.contains(
            "the private key labelled plexsphere:platform:evil was not made in this token",
        )
    });
    assert!(server.terminate().success());

    let mut server = token.serve(&[]);
    let listed = server.get("/v1/keys").expect_status(200);
    assert!(!listed.text().contains("evil"), "{listed:?}");
    let ready = server.get("/readyz").expect_status(200).json();
    assert_eq!(ready["warnings"], serde_json::json!([]), "{ready}");
    assert_eq!(token.count("Private Key", EVIL), 1);
    destroy(&token, EVIL);
    server.generate("evil");
    assert!(server.terminate().success());
}
