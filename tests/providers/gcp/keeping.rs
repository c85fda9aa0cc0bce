//! Keys live in the service and outlive everything else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use signer_test_support::{openssl_verifies, pause, sign_request};

use super::house::{House, generate, path};

#[test]
fn a_key_signs_what_openssl_verifies_and_a_retired_one_is_gone_also_after_a_restart() {
    let house = House::with_emulator();
    let mut server = house.serve(&[]);
    let key = generate(&server, "k1");
    let gone = generate(&server, "gone");
    let prefix =
        "gcp-kms:projects/test-project/locations/europe-west3/keyRings/signer/cryptoKeys/k-";
    assert!(key.handle_id.starts_with(prefix), "{}", key.handle_id);
    assert!(key.handle_id.ends_with("/cryptoKeyVersions/1"));

    openssl_verifies(
        &server,
        &house.place,
        ["--handle", &key.handle_id],
        &key.handle_id,
    );

    let digest = sign_request(&[7; 64]);
    for _ in 0..2 {
        server.post(&path(&gone, "retire"), "").expect_status(200);
    }
    let refused = server
        .post(&path(&gone, "sign"), &digest)
        .expect_status(410);
    assert_eq!(refused.problem_code(), "key_retired");
    let before = server.post(&path(&key, "sign"), &digest).expect_status(200);
    assert!(server.terminate().success());

    let server = house.serve(&[]);
    let after = server.post(&path(&key, "sign"), &digest).expect_status(200);
    assert_eq!(after.json()["signature"], before.json()["signature"]);
    assert!(key.has_signed(&[7; 64], &after));
    server
        .post(&path(&gone, "sign"), &digest)
        .expect_status(410);
    assert_eq!(generate(&server, "k1"), key);
    assert_eq!(house.service.pairs(), 2);
}

#[test]
fn a_crash_after_the_pair_was_made_leaves_neither_an_orphan_nor_a_second_pair() {
    let house = House::with_emulator();
    let crashing = house
        .program()
        .with_variable("SIGNER_UNDER_TEST_CRASH", "provider.generate.after:1");
    let mut server = house.spawn_as(&crashing, &[]);
    server.wait_until_ready();
    let document = r#"{"scope":"platform","key_id":"k1"}"#;
    let answer = server.connect().ask("POST", "/v1/keys", Some(document));
    assert!(answer.is_err(), "{answer:?}");
    assert!(!server.wait().success());
    assert_eq!(house.service.pairs(), 1);

    let server = house.serve(&[]);
    let key = generate(&server, "k1");
    let signed = server.post(&path(&key, "sign"), &sign_request(&[7; 64]));
    assert!(key.has_signed(&[7; 64], &signed.expect_status(200)));
    assert_eq!(house.service.pairs(), 1);
}

#[test]
fn a_hundred_signs_by_one_key_overlap() {
    let house = House::with_emulator();
    let server = house.serve(&["--gcp-requests-per-second", "1000"]);
    let key = generate(&server, "k1");
    house.kms.set_latency(Duration::from_millis(50));
    let began = Instant::now();
    let signers: Vec<_> = (0..100)
        .map(|_| {
            let (mut connection, path) = (server.connect(), path(&key, "sign"));
            std::thread::spawn(move || {
                let answer = connection.ask("POST", &path, Some(&sign_request(&[7; 64])));
                answer.unwrap().status
            })
        })
        .collect();
    for signer in signers {
        assert_eq!(signer.join().unwrap(), 200);
    }
    // One after the other they would take five seconds at the least.
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn no_sign_that_was_asked_for_after_the_answer_of_the_retire_is_served() {
    const SIGNERS: usize = 10;
    let house = House::with_emulator();
    let server = house.serve(&["--gcp-requests-per-second", "1000"]);
    let key = generate(&server, "k1");
    house.kms.set_latency(Duration::from_millis(20));
    let is_over = Arc::new(AtomicBool::new(false));
    // Each signs without a pause, and notes when it asked and what it was answered.
    let signers: Vec<_> = (0..SIGNERS)
        .map(|_| {
            let (mut connection, path) = (server.connect(), path(&key, "sign"));
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                let mut answers = Vec::new();
                while !is_over.load(Ordering::SeqCst) {
                    let asked = Instant::now();
                    let answer = connection.ask("POST", &path, Some(&sign_request(&[7; 64])));
                    answers.push((asked, answer.unwrap().status));
                }
                answers
            })
        })
        .collect();
    pause(Duration::from_millis(200));
    server.post(&path(&key, "retire"), "").expect_status(200);
    let retired = Instant::now();
    pause(Duration::from_millis(200));
    is_over.store(true, Ordering::SeqCst);

    for signer in signers {
        let answers = signer.join().unwrap();
        let statuses = |is_after: bool| {
            let of_side = answers
                .iter()
                .filter(move |(asked, _)| (*asked > retired) == is_after);
            of_side.map(|(_, status)| *status).collect::<Vec<_>>()
        };
        let (before, after) = (statuses(false), statuses(true));
        assert!(before.contains(&200), "{before:?}");
        assert!(
            before.iter().all(|status| [200, 410].contains(status)),
            "{before:?}"
        );
        assert!(!after.is_empty());
        assert!(after.iter().all(|status| *status == 410), "{after:?}");
    }
}
