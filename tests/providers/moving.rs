//! A scope moves from a seed file into a token and from there into AWS KMS, while everybody signs.
//!
//! `PKCS11_MODULE` names the module of the token. AWS KMS is played by a server of this program.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

use std::time::Duration;

use signer_test_support::{
    Random, ScopeLoad, Server, eventually, openssl_verifies, path_of, pause, setting, sign_request,
};

use super::aws::harness::Harness as AwsHarness;
use super::pkcs11::token::Token;
use super::suite::Installation as _;

const SEED: u64 = 0x5eed_0307;
/// Long enough for each key to sign a good deal.
const WHILE: Duration = Duration::from_millis(300);

#[test]
fn a_scope_moves_from_a_seed_file_into_a_token_and_into_a_cloud_and_no_request_fails() {
    let (token, account) = (Token::fresh(), AwsHarness::new());
    let server = serve(&token, &account);
    server.generate("k1");

    let load = ScopeLoad::on(&server, Random::new(setting("SIGNER_TEST_SEED", SEED)));
    pause(WHILE);
    let in_the_token = move_to(&server, "pkcs11", "k1", "k2");
    let in_the_cloud = move_to(&server, "aws-kms", "k2", "k3");
    let by_key = load.end(&server);

    let first = "software:platform|k1";
    assert_eq!(in_the_token, "pkcs11:plexsphere:platform:k2");
    let signed: Vec<&str> = by_key.keys().map(String::as_str).collect();
    assert_eq!(signed, [in_the_cloud.as_str(), &in_the_token, first]);
    for retired in [first, &in_the_token] {
        let sign = format!("{}/sign", path_of(retired));
        let refused = server.post(&sign, &sign_request(&[7; 64]));
        assert_eq!(refused.problem_code(), "key_retired");
    }
    openssl_verifies(
        &server,
        &token.place,
        ["--scope", "platform"],
        &in_the_cloud,
    );
    eventually("a token without the retired key", || {
        let left = token.count("Private Key", "plexsphere:platform:k2");
        (left == 0).then_some(())
    });
    assert_eq!(account.usable().len(), 1);
    let verdict = token.verdict_on_the_audit_log();
    assert!(verdict.starts_with("intact: "), "{verdict}");
}

/// A custodian with all three providers, once each of them is ready.
fn serve(token: &Token, account: &AwsHarness) -> Server {
    let program = account.equip(token.program());
    let flags = [
        token.software_flags(),
        token.provider_flags(),
        account.provider_flags(),
    ];
    let server = Server::start_with(&program, &token.place, flags.concat());
    eventually("three providers that are ready", || {
        let ready = server.get("/readyz").json();
        let providers = ready["checks"]["providers"].as_object().unwrap();
        let are_ready = providers.values().all(|status| status == "ready");
        (providers.len() == 3 && are_ready).then_some(())
    });
    server
}

/// Has the scope signed for by a new key of this provider, and retires the old one. The handle of the
/// new one.
fn move_to(server: &Server, provider: &str, old: &str, new: &str) -> String {
    let rotation = |line: &[&str]| {
        let words = [&["rotations"], line, &["--scope", "platform", "-o", "json"]].concat();
        server.cli(&words).expect_status(0).json()
    };
    let opened = rotation(&["open", "--new-key-id", new, "--provider", provider]);
    pause(WHILE);
    rotation(&["close", "--old", old, "--new", new]);
    pause(WHILE);
    opened["new_handle_id"].as_str().unwrap().to_owned()
}
