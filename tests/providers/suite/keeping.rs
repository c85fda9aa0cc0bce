//! Keys live in the back end and outlive everything else.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use signer_test_support::{eventually, openssl_verifies, sign_request};

use super::{Disruption, Installation};

const DIGEST: [u8; 64] = [7; 64];

pub(crate) fn a_key_signs_what_openssl_verifies<I: Installation>() {
    let it = I::new();
    let server = it.serve(&[]);
    let document = server.generate("k1").json();
    assert_eq!(document["provider"], I::NAME);
    let handle = document["handle_id"].as_str().unwrap();
    assert!(handle.starts_with(I::HANDLES), "{handle}");
    assert_eq!(it.usable(), [handle]);
    for whose in [["--scope", "platform"], ["--handle", handle]] {
        openssl_verifies(&server, it.place(), whose, handle);
    }
}

pub(crate) fn keys_and_retirements_outlive_the_process_and_its_registry<I: Installation>() {
    let it = I::new();
    let mut server = it.serve(&[]);
    let (kept, gone) = (server.make("kept"), server.make("gone"));
    let signed = server.sign(&kept, &DIGEST).expect_status(200);
    assert!(kept.has_signed(&DIGEST, &signed));
    for _ in 0..2 {
        server.retire(&gone).expect_status(200);
    }
    let refused = server.sign(&gone, &DIGEST).expect_status(410);
    assert_eq!(refused.problem_code(), "key_retired");
    assert!(server.terminate().success());
    assert_eq!(it.usable(), [kept.handle_id.as_str()]);

    let mut server = it.serve(&[]);
    let again = server.sign(&kept, &DIGEST).expect_status(200);
    assert_eq!(again.json(), signed.json());
    server.sign(&gone, &DIGEST).expect_status(410);
    // The back end may not show the public half of a retired key. The registry does.
    let shown = server.get(&gone.path_to("public-key")).expect_status(200);
    assert_eq!(shown.json()["public_key"], gone.public_key.as_str());
    assert_eq!(server.make("kept"), kept);
    assert!(server.terminate().success());

    // Without its registry a custodian still makes no second key of a name.
    it.place().forget();
    let server = it.serve(&[]);
    assert_eq!(server.make("kept"), kept);
    let refused = server.post("/v1/keys", r#"{"scope":"platform","key_id":"gone"}"#);
    assert_eq!(refused.problem_code(), "key_retired");
    assert_eq!(it.made(), 2);
}

/// The back end still signs while it is asked to retire, so signatures that were begun before come out.
pub(crate) fn no_sign_that_is_asked_for_after_the_answer_of_the_retire_is_served<
    I: Installation,
>() {
    const SIGNERS: usize = 10;
    /// How many signatures each has before the key is retired.
    const BEFORE: usize = 5;
    let it = I::new();
    let server = it.serve(I::unhurried());
    let key = server.make("k1");
    it.begin(Disruption::Slow(Duration::from_millis(20)));
    let (retired, begun) = (OnceLock::new(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let signers: Vec<_> = (0..SIGNERS)
            .map(|_| {
                let (mut connection, path) = (server.connect(), key.path_to("sign"));
                let (retired, begun) = (&retired, &begun);
                scope.spawn(move || {
                    let body = sign_request(&DIGEST);
                    let (mut before, mut after) = (Vec::new(), Vec::new());
                    while after.len() < 5 {
                        let is_retired = retired.get().is_some();
                        let answer = connection.ask("POST", &path, Some(&body)).unwrap();
                        let seen = if is_retired { &mut after } else { &mut before };
                        seen.push(answer.status);
                        if before.len() == BEFORE && after.is_empty() {
                            begun.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                    (before, after)
                })
            })
            .collect();
        eventually("signatures for each", || {
            (begun.load(Ordering::SeqCst) == SIGNERS).then_some(())
        });
        server.retire(&key).expect_status(200);
        retired.set(()).unwrap();
        for signer in signers {
            let (before, after) = signer.join().unwrap();
            assert_eq!(before[..BEFORE], [200; BEFORE]);
            let is_known = |status: &u16| [200, 410].contains(status);
            assert!(before.iter().all(is_known), "{before:?}");
            assert_eq!(after, [410; 5]);
        }
    });
}
