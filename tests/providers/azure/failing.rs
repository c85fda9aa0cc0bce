//! A vault on a bad day, seen from outside of the process.

use std::time::{Duration, Instant};

use serde_json::json;
use signer_cloud_fakes::{Answer, Fault, Signing, VaultKind};
use signer_test_support::{eventually, sign_request};

use super::house::{House, Mode, generate, path};

const DIGEST: [u8; 64] = [7; 64];

#[test]
fn no_signature_but_the_right_one_is_ever_released() {
    let house = House::new(VaultKind::WithEd25519);
    let server = house.serve(Mode::Native);
    for (key_id, signing) in [
        ("another", Signing::ByAnotherKey),
        ("garbled", Signing::Garbled),
        ("prehashed", Signing::Prehashed),
    ] {
        let key = generate(&server, key_id);
        house.vault.sign_like(signing);
        let refused = server.post(&path(&key, "sign"), &sign_request(&DIGEST));
        assert_eq!(refused.status, 500, "{signing:?}: {refused:?}");
        assert_eq!(refused.problem_code(), "signature_check_failed");
        assert!(!refused.text().contains("signature\":"), "{refused:?}");
        house.vault.sign_like(Signing::Right);
    }
    let key = generate(&server, "right");
    let signed = server.post(&path(&key, "sign"), &sign_request(&DIGEST));
    assert!(key.has_signed(&DIGEST, &signed.expect_status(200)));
}

/// Whoever may change the tags of a key can put another key there, with its public half. The registry
/// knows better.
#[test]
fn a_key_that_was_exchanged_in_the_vault_signs_nothing() {
    let house = House::new(VaultKind::Premium);
    let mut server = house.serve(Mode::Envelope);
    let (victim, other) = (generate(&server, "victim"), generate(&server, "other"));
    assert!(server.terminate().success());
    let name = |handle: &str| {
        let (name, _version) = handle
            .trim_start_matches("azure-kv:")
            .split_once('/')
            .unwrap();
        name.to_owned()
    };
    let foreign = house.vault.tags(&name(&other.handle_id));
    house
        .vault
        .change_tags(&name(&victim.handle_id), |tags| *tags = foreign);
    let server = house.serve(Mode::Envelope);
    let refused = server.post(&path(&victim, "sign"), &sign_request(&DIGEST));
    assert_ne!(refused.status, 200, "{refused:?}");
    let signed = server.post(&path(&other, "sign"), &sign_request(&DIGEST));
    assert!(other.has_signed(&DIGEST, &signed.expect_status(200)));
}

/// In an envelope the custodian signs by itself, so what can be wrong is the key that the vault decrypts.
#[test]
fn an_envelope_that_holds_another_key_signs_nothing() {
    let house = House::new(VaultKind::Premium);
    let server = house.serve(Mode::Envelope);
    let key = generate(&server, "k1");
    let is_unwrap = |request: &signer_cloud_fakes::Request| request.path.ends_with("/unwrapkey");
    for seed in ["CQ".repeat(32), "CQkJ".to_owned(), "A".repeat(43)] {
        let answer = Answer::json(200, &json!({ "kid": "k", "value": seed }));
        house
            .server
            .inject(usize::MAX, is_unwrap, Fault::Answer(answer));
        let refused = server.post(&path(&key, "sign"), &sign_request(&DIGEST));
        assert!(refused.status >= 500, "{seed}: {refused:?}");
        assert!(!refused.text().contains("signature\":"), "{refused:?}");
        house.server.clear_faults();
        let signed = server.post(&path(&key, "sign"), &sign_request(&DIGEST));
        assert!(key.has_signed(&DIGEST, &signed.expect_status(200)));
    }
}

#[test]
fn a_storm_of_refusals_is_passed_on_with_its_hint_and_is_over_when_the_vault_says_so() {
    let house = House::new(VaultKind::Premium);
    let server = house.serve(Mode::Envelope);
    let key = generate(&server, "k1");
    let sign = path(&key, "sign");
    let busy = Answer::json(
        429,
        &json!({ "error": { "code": "Throttled", "message": "m" } }),
    );
    let is_unwrap = |request: &signer_cloud_fakes::Request| request.path.ends_with("/unwrapkey");
    let storm = Fault::Answer(busy.with("retry-after", "7"));
    house.server.inject(usize::MAX, is_unwrap, storm);
    for _ in 0..20 {
        let refused = server.post(&sign, &sign_request(&DIGEST));
        assert_eq!(refused.problem_code(), "provider_unavailable");
        assert_eq!(refused.header("retry-after"), Some("7"), "{refused:?}");
    }
    server.get("/livez").expect_status(200);
    house.server.clear_faults();
    let began = Instant::now();
    let signed = eventually("a signature", || {
        let answer = server.post(&sign, &sign_request(&DIGEST));
        (answer.status == 200).then_some(answer)
    });
    assert!(key.has_signed(&DIGEST, &signed));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_vault_that_hangs_keeps_nobody_past_the_deadline() {
    let house = House::new(VaultKind::Premium);
    let mut flags = house.flags(Mode::Envelope);
    flags.extend(["--request-deadline", "2s"].map(str::to_owned));
    let server = signer_test_support::Server::start_with(&house.program(), &house.place, flags);
    let key = generate(&server, "k1");
    house.server.inject(
        1,
        |request| request.path.ends_with("/unwrapkey"),
        Fault::Hang,
    );
    let began = Instant::now();
    let refused = server.post(&path(&key, "sign"), &sign_request(&DIGEST));
    assert!(matches!(refused.status, 503 | 504), "{refused:?}");
    assert!(began.elapsed() < Duration::from_secs(10));
    let signed = server.post(&path(&key, "sign"), &sign_request(&DIGEST));
    assert!(key.has_signed(&DIGEST, &signed.expect_status(200)));
}

/// A vault is far away. One after the other these signatures would take five seconds.
#[test]
fn a_hundred_signatures_by_one_key_overlap() {
    let house = House::new(VaultKind::Premium);
    let server = house.serve(Mode::Envelope);
    let key = generate(&server, "k1");
    server
        .post(&path(&key, "sign"), &sign_request(&DIGEST))
        .expect_status(200);
    let digest: serde_json::Value = serde_json::from_str(&sign_request(&DIGEST)).unwrap();
    let item = json!({ "handle_id": key.handle_id, "digest": digest["digest"] });
    let batch = json!({ "items": vec![item; 100] }).to_string();
    house.server.set_latency(Duration::from_millis(50));
    let began = Instant::now();
    let answer = server.post("/v1/sign", &batch).expect_status(200).json();
    let took = began.elapsed();
    let results = answer["results"].as_array().unwrap();
    let right = results
        .iter()
        .filter_map(|result| result["signature"].as_str())
        .filter(|signature| key.accepts(&DIGEST, signature));
    assert_eq!(right.count(), 100);
    assert!(took < Duration::from_millis(2500), "{took:?}");
}
