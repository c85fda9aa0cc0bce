//! A service in trouble, as an operator sees it, and how everything heals by itself.

use std::fs;

use signer_cloud_fakes::aws::{ACCOUNT, REGION, refusal};
use signer_test_support::{PublishedKey, sign_request};

use super::account::{Account, eventually_readyz};

#[test]
fn readiness_tells_what_is_wrong_and_when_it_is_over() {
    let account = Account::empty();
    let server = account.serve(&[]);
    let key = PublishedKey::of(&server.generate("k1").json());
    let sign = format!("{}/sign", key.path());
    for (answer, told) in [
        (
            Some(refusal(
                400,
                "ExpiredTokenException",
                "The security token is expired",
            )),
            "credentials are missing, expired or refused",
        ),
        (
            Some(refusal(
                400,
                "AccessDeniedException",
                "no identity-based policy allows",
            )),
            "permissions do not allow",
        ),
        (None, "connecting to the key service"),
    ] {
        match answer {
            Some(answer) => account.answer_all(answer),
            None => account.server.stop(),
        }
        eventually_readyz(&server, 503, told);
        let refused = server.post(&sign, &sign_request(&[7; 64]));
        assert_eq!(refused.problem_code(), "provider_unavailable", "{told}");
        let body = refused.text();
        assert!(!body.contains("token") && !body.contains(ACCOUNT), "{body}");
        account.server.clear_faults();
    }
    account.server.resume();
    eventually_readyz(&server, 200, r#""aws-kms":"ready""#);
    let signed = server.post(&sign, &sign_request(&[7; 64]));
    assert!(key.has_signed(&[7; 64], &signed.expect_status(200)));
}

#[test]
fn a_storm_of_throttling_is_passed_on_with_its_hint_and_blows_over() {
    let account = Account::empty();
    let server = account.serve(&[]);
    let key = PublishedKey::of(&server.generate("k1").json());
    let sign = format!("{}/sign", key.path());
    account.answer_all(refusal(429, "ThrottlingException", "slow down").with("retry-after", "7"));
    std::thread::scope(|scope| {
        for mut connection in (0..20).map(|_| server.connect()) {
            let (path, body) = (&sign, sign_request(&[7; 64]));
            scope.spawn(move || {
                let refused = connection.ask("POST", path, Some(&body)).unwrap();
                assert_eq!(refused.status, 503, "{refused:?}");
                assert_eq!(refused.header("retry-after"), Some("7"));
            });
        }
    });
    account.server.clear_faults();
    let signed = server.post(&sign, &sign_request(&[7; 64]));
    assert!(key.has_signed(&[7; 64], &signed.expect_status(200)));
}

#[test]
fn credentials_that_come_late_are_found_without_a_restart() {
    let account = Account::empty();
    let binary = env!("CARGO_BIN_EXE_signer-as-shipped");
    let program = Account::program_without_credentials(binary, &account.place);
    let server = account.spawn(&program, &[]);
    signer_test_support::eventually("a socket", || server.socket().exists().then_some(()));
    eventually_readyz(&server, 503, "credentials are missing, expired or refused");
    assert!(
        account.server.requests().is_empty(),
        "something was sent unsigned"
    );
    let credentials =
        "[default]\naws_access_key_id = AKIDTHROWAWAY\naws_secret_access_key = throw-away\n";
    fs::write(account.place.file("aws-credentials"), credentials).unwrap();
    eventually_readyz(&server, 200, "ready");
    server.generate("k1");
    let asked = account.server.requests();
    let authorization = asked.last().unwrap().header("authorization");
    assert!(authorization.contains("AKIDTHROWAWAY"), "{authorization}");
    assert!(authorization.contains(REGION), "{authorization}");
}

#[test]
fn one_provider_that_is_down_leaves_the_other_at_work() {
    let account = Account::empty();
    let server = account.serve_both();
    let local = PublishedKey::of(&server.generate("local").json());
    let request = r#"{"scope":"platform","key_id":"remote","provider":"aws-kms"}"#;
    let remote = server.post("/v1/keys", request).expect_status(201).json();
    let remote = PublishedKey::of(&remote);
    let sign =
        |key: &PublishedKey| server.post(&format!("{}/sign", key.path()), &sign_request(&[7; 64]));
    account.server.stop();
    let refused = sign(&remote);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    assert!(local.has_signed(&[7; 64], &sign(&local).expect_status(200)));
    let shown = server.get(&format!("{}/public-key", remote.path()));
    assert_eq!(
        shown.expect_status(200).json()["public_key"],
        remote.public_key
    );
    server.generate("another");
    account.server.resume();
    signer_test_support::eventually("a signature by the provider that was down", || {
        let answer = sign(&remote);
        (answer.status == 200).then(|| assert!(remote.has_signed(&[7; 64], &answer)))
    });
}
