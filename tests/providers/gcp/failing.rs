//! A service on a bad day, seen from outside of the process.

use std::time::{Duration, Instant};

use ring::signature::Ed25519KeyPair;
use signer_cloud_fakes::{Fault, gcp_refusal, gcp_sign_prehashed};
use signer_test_support::{eventually, sign_request};

use super::house::{House, generate, path, wait_for_warning};

fn sign(seed: &[u8; 32], data: &[u8]) -> Vec<u8> {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
    pair.sign(data).as_ref().to_vec()
}

#[test]
fn a_wrong_signature_and_one_of_another_key_or_kind_are_not_released() {
    type Signing = fn(&[u8; 32], &[u8]) -> Vec<u8>;
    let house = House::with_emulator();
    let server = house.serve(&[]);
    let wrongs: [(&str, Signing); 4] = [
        ("wrong", |_, _| vec![7; 64]),
        ("other-key", |_, data| sign(&[9; 32], data)),
        ("prehashed", gcp_sign_prehashed),
        ("hashed-again", |seed, data| {
            sign(
                seed,
                ring::digest::digest(&ring::digest::SHA512, data).as_ref(),
            )
        }),
    ];
    let digest = sign_request(&[7; 64]);
    for (name, wrong) in wrongs {
        let key = generate(&server, name);
        house.service.sign_with(wrong);
        let refused = server.post(&path(&key, "sign"), &digest).expect_status(500);
        assert_eq!(refused.problem_code(), "signature_check_failed", "{name}");
        house.service.sign_rightly();
    }
    let key = generate(&server, "right");
    let signed = server.post(&path(&key, "sign"), &digest).expect_status(200);
    assert!(key.has_signed(&[7; 64], &signed));
}

#[test]
fn a_storm_of_refusals_is_answered_with_the_hint_of_the_service_and_ends_with_the_storm() {
    let house = House::with_emulator();
    let server = house.serve(&[]);
    let key = generate(&server, "k1");
    let throttled = gcp_refusal(429, "RESOURCE_EXHAUSTED", "vendor-text").with("retry-after", "7");
    let is_sign = |request: &signer_cloud_fakes::Request| request.path.ends_with(":asymmetricSign");
    house
        .kms
        .inject(usize::MAX, is_sign, Fault::Answer(throttled));
    let digest = sign_request(&[7; 64]);
    for _ in 0..20 {
        let refused = server.post(&path(&key, "sign"), &digest).expect_status(503);
        assert_eq!(refused.problem_code(), "provider_unavailable");
        assert_eq!(refused.header("retry-after"), Some("7"));
        assert!(!refused.text().contains("vendor-text"), "{refused:?}");
    }
    house.kms.clear_faults();
    let signed = server.post(&path(&key, "sign"), &digest).expect_status(200);
    assert!(key.has_signed(&[7; 64], &signed));
}

#[test]
fn a_service_that_is_gone_turns_readiness_off_and_comes_back_without_a_restart() {
    let house = House::with_emulator();
    let server = house.serve(&["--request-deadline", "3s"]);
    let key = generate(&server, "k1");
    house.kms.stop();
    let digest = sign_request(&[7; 64]);
    let began = Instant::now();
    let refused = server.post(&path(&key, "sign"), &digest).expect_status(503);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    assert!(began.elapsed() < Duration::from_secs(4));
    let shown = server.get(&path(&key, "public-key")).expect_status(200);
    assert_eq!(shown.json()["cached"], true);
    wait_for_warning(&server, "connecting to the key service");
    house.kms.resume();
    let began = Instant::now();
    eventually("a signature", || {
        let answer = server.post(&path(&key, "sign"), &digest);
        (answer.status == 200).then_some(())
    });
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_permission_that_is_missing_is_told_by_readiness() {
    let house = House::with_emulator();
    let denied = gcp_refusal(403, "PERMISSION_DENIED", "vendor-text");
    house
        .kms
        .inject(usize::MAX, |_| true, Fault::Answer(denied));
    let mut server = house.spawn(&[]);
    let text = wait_for_warning(&server, "permissions do not allow");
    assert!(!text.contains("vendor-text"), "{text}");
    house.kms.clear_faults();
    server.wait_until_ready();
}

#[test]
fn a_level_at_which_google_has_no_ed25519_is_told_by_the_log_and_by_readiness() {
    let house = House::with_emulator();
    let server = house.serve(&["--gcp-protection-level", "hsm"]);
    let wanted = r#"{"scope":"platform","key_id":"k1"}"#;
    let refused = server.post("/v1/keys", wanted).expect_status(503);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    let cure = "use --gcp-protection-level software";
    server.wait_for_log(cure, |line| line.contains(cure));
    // What there is signs on, so the custodian stays ready.
    let readiness = || server.get("/readyz").expect_status(200).text().to_owned();
    eventually("a warning", || readiness().contains(cure).then_some(()));
    house.service.offer_hsm();
    generate(&server, "k1");
    eventually("no warning", || (!readiness().contains(cure)).then_some(()));
}
