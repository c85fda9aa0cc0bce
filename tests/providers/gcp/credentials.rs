//! Signing in: over TLS, with a token that somebody issues, and what is left of it anywhere.

use std::fs;
use std::time::{Duration, Instant};

use signer_cloud_fakes::Fault;
use signer_test_support::{Canary, Server, eventually, pause, sign_request};

use super::house::{CLIENT_SECRET, House, REFRESH_TOKEN, generate, path, wait_for_warning};

fn assert_signs(server: &Server, house: &House) {
    let key = generate(server, "k1");
    eventually("a signature", || {
        let answer = server.post(&path(&key, "sign"), &sign_request(&[7; 64]));
        (answer.status == 200).then(|| assert!(key.has_signed(&[7; 64], &answer)))
    });
    assert!(!house.service.issued_tokens().is_empty());
}

#[test]
fn credentials_that_are_revoked_are_told_by_readiness_and_new_ones_are_taken_up() {
    let house = House::with_credentials();
    let mut server = house.serve(&[]);
    assert_signs(&server, &house);
    // The token goes on to be in the memory of the library, which would use it for an hour.
    house.service.revoke_tokens();
    let key = generate(&server, "k1");
    let refused = server.post(&path(&key, "sign"), &sign_request(&[7; 64]));
    assert_eq!(
        refused.expect_status(503).problem_code(),
        "provider_unavailable"
    );
    wait_for_warning(&server, "credentials are missing, expired or refused");
    house.service.issue_again();
    server.wait_until_ready();
    assert_signs(&server, &house);
}

#[test]
fn a_token_that_is_no_longer_good_is_replaced_within_the_call() {
    let house = House::with_credentials();
    let server = house.serve(&[]);
    let key = generate(&server, "k1");
    // What was signed in with a moment ago is not given up: who issues tokens must not be stormed.
    pause(Duration::from_millis(1100));
    house.service.revoke_tokens();
    house.service.issue_again();
    let answer = server.post(&path(&key, "sign"), &sign_request(&[7; 64]));
    assert!(key.has_signed(&[7; 64], &answer.expect_status(200)));
    assert_eq!(house.service.issued_tokens().len(), 2);
}

#[test]
fn credentials_that_are_refused_at_the_start_are_told_and_taken_up_when_they_are_good() {
    let house = House::with_credentials();
    house.service.revoke_tokens();
    let mut server = house.spawn(&[]);
    wait_for_warning(&server, "credentials are missing, expired or refused");
    house.service.issue_again();
    server.wait_until_ready();
    assert_signs(&server, &house);
}

#[test]
fn a_credentials_file_that_comes_late_is_read() {
    let house = House::with_credentials();
    let file = house.place.file("credentials.json");
    fs::remove_file(&file).unwrap();
    let mut server = house.spawn(&[]);
    wait_for_warning(&server, "credentials are missing, expired or refused");
    fs::write(&file, "{\"type\":\"authorized_user\"}").unwrap();
    wait_for_warning(&server, "credentials are missing, expired or refused");
    house.write_credentials();
    server.wait_until_ready();
    assert_signs(&server, &house);
}

#[test]
fn who_issues_tokens_may_be_away_for_a_while() {
    let house = House::with_credentials();
    let tokens = house.tokens.as_ref().unwrap();
    tokens.stop();
    let mut server = house.spawn(&[]);
    wait_for_warning(&server, "who issues access tokens cannot be asked");
    tokens.resume();
    server.wait_until_ready();
    assert_signs(&server, &house);
}

#[test]
fn who_issues_tokens_may_be_silent_and_is_asked_again() {
    let house = House::with_credentials();
    let server = house.serve(&[]);
    let key = generate(&server, "k1");
    pause(Duration::from_millis(1100));
    house.service.revoke_tokens();
    house.service.issue_again();
    let tokens = house.tokens.as_ref().unwrap();
    tokens.inject(1, |_| true, Fault::Hang);
    let began = Instant::now();
    let sign = || server.post(&path(&key, "sign"), &sign_request(&[7; 64]));
    assert_eq!(
        sign().expect_status(503).problem_code(),
        "provider_unavailable"
    );
    eventually("a signature", || (sign().status == 200).then_some(()));
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_told_and_gets_no_token_until_somebody_does() {
    let (house, certificate) = House::with_a_stranger();
    let mut server = house.spawn(&[]);
    wait_for_warning(&server, "checking the certificate of the key service");
    assert!(house.kms.requests().is_empty());
    house.trust(&certificate);
    server.wait_until_ready();
    assert_signs(&server, &house);
}

#[test]
fn no_credential_is_in_anything_that_leaves_the_custodian() {
    let house = House::with_credentials();
    // Lets the library trace its requests, too.
    let program = house
        .program()
        .with_variable("GOOGLE_CLOUD_RUST_LOGGING", "true");
    let mut server = house.spawn_as(&program, &["--log-level", "trace"]);
    server.wait_until_ready();
    assert_signs(&server, &house);
    let mut places = Vec::new();
    let key = generate(&server, "k1");
    let digest = sign_request(&[7; 64]);
    let signed = server.post(&path(&key, "sign"), &digest);
    places.push(("an answer with 200".to_owned(), signed.body));
    // Whoever issues tokens repeats the refresh token in its refusal.
    house.service.revoke_tokens();
    let refused = server.post(&path(&key, "sign"), &digest);
    places.push(("an answer with 503".to_owned(), refused.body));
    let warned = wait_for_warning(&server, "credentials are missing, expired or refused");
    places.push(("/readyz with 503".to_owned(), warned.into_bytes()));
    server.wait_for_log("why no token is issued", |line| {
        line.contains("invalid_grant")
    });
    house.service.issue_again();
    server.wait_until_ready();
    for path in ["/metrics", "/livez", "/readyz", "/v1/keys"] {
        places.push((path.to_owned(), server.get(path).body));
    }
    for name in ["cmdline", "environ"] {
        let path = format!("/proc/{}/{name}", server.pid().as_raw_nonzero());
        places.push((path.clone(), fs::read(path).unwrap()));
    }
    assert!(server.terminate().success());
    let log = server.take_log();
    places.push(("the log".to_owned(), log.into_bytes()));
    places.push(("the output".to_owned(), server.take_output().into_bytes()));
    for name in house.place.names() {
        if name != "credentials.json" && house.place.file(&name).is_file() {
            let bytes = fs::read(house.place.file(&name)).unwrap();
            places.push((name, bytes));
        }
    }
    let mut secrets = house.service.issued_tokens();
    secrets.extend([REFRESH_TOKEN, CLIENT_SECRET].map(str::to_owned));
    let sent = house.tokens.as_ref().unwrap().requests();
    for secret in secrets {
        // The words they open with are in the names of nothing; the whole is looked for.
        let is_in = |bytes: &[u8]| {
            let mut windows = bytes.windows(secret.len());
            windows.any(|window| window == secret.as_bytes())
        };
        for (name, bytes) in &places {
            assert!(!is_in(bytes), "{secret} is in {name}");
        }
    }
    let canary = Canary::new("the refresh token", REFRESH_TOKEN.as_bytes());
    assert!(sent.iter().any(|request| canary.is_in(&request.body)));
    for (name, bytes) in &places {
        canary.assert_absent(name, bytes);
    }
}
