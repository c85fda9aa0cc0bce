//! A back end on a bad day, seen from outside of the process.

use std::time::{Duration, Instant};

use signer_test_support::eventually;

use super::{Disruption, Installation, wait_for_warning};

const DIGEST: [u8; 64] = [7; 64];
/// How soon everything works again.
const HEALING: Duration = Duration::from_secs(10);

pub(crate) fn a_back_end_that_is_gone_turns_readiness_off_and_comes_back_without_a_restart<
    I: Installation,
>() {
    let it = I::new();
    let server = it.serve(&["--request-deadline", "3s"]);
    let key = server.make("k1");
    let signature = server.sign(&key, &DIGEST).expect_status(200).json();
    it.begin(Disruption::Away);
    let began = Instant::now();
    let refused = server.sign(&key, &DIGEST).expect_status(503);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    assert!(began.elapsed() < Duration::from_secs(4));
    let shown = server.get(&key.path_to("public-key")).expect_status(200);
    assert_eq!(shown.json()["cached"], true);
    wait_for_warning(&server, I::AWAY);
    server.get("/livez").expect_status(200);

    it.end();
    let began = Instant::now();
    let again = eventually("a signature", || {
        let answer = server.sign(&key, &DIGEST);
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(again, signature);
    assert!(began.elapsed() < HEALING, "{:?}", began.elapsed());
}

pub(crate) fn a_back_end_that_hangs_keeps_nobody_past_the_deadline<I: Installation>() {
    let it = I::new();
    let server = it.serve(&["--request-deadline", "2s"]);
    let key = server.make("k1");
    it.begin(Disruption::SilentSigning);
    let began = Instant::now();
    let refused = server.sign(&key, &DIGEST);
    assert!(matches!(refused.status, 503 | 504), "{refused:?}");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "{took:?}");
    let signed = server.sign(&key, &DIGEST).expect_status(200);
    assert!(key.has_signed(&DIGEST, &signed));
}

pub(crate) fn a_retirement_that_was_not_done_is_not_answered_and_is_finished_by_the_next_start<
    I: Installation,
>() {
    let it = I::new();
    let mut server = it.serve(&[]);
    let key = server.make("k1");
    it.begin(Disruption::NoRetiring);
    for _ in 0..3 {
        let refused = server.retire(&key).expect_status(503);
        assert_eq!(refused.problem_code(), "provider_unavailable");
    }
    let shown = server.get(&key.path()).expect_status(200).json();
    assert_ne!(shown["state"], "retired", "{shown}");
    assert!(server.terminate().success());
    assert_eq!(it.usable(), [key.handle_id.as_str()]);

    it.end();
    let server = it.serve(&[]);
    let shown = server.get(&key.path()).expect_status(200).json();
    assert_eq!(shown["state"], "retired", "{shown}");
    assert_eq!(it.usable(), [""; 0]);
}

pub(crate) fn one_provider_that_is_down_leaves_the_other_at_work<I: Installation>() {
    let it = I::new();
    let server = it.serve_beside_software();
    let local = server.make("local");
    let remote = server.make_with(I::NAME, "remote");
    it.begin(Disruption::Away);
    let refused = server.sign(&remote, &DIGEST);
    assert_eq!(refused.problem_code(), "provider_unavailable");
    let signed = server.sign(&local, &DIGEST).expect_status(200);
    assert!(local.has_signed(&DIGEST, &signed));
    let shown = server.get(&remote.path_to("public-key")).expect_status(200);
    assert_eq!(shown.json()["public_key"], remote.public_key.as_str());
    server.make("another");
    it.end();
    let signed = eventually("a signature by the provider that was down", || {
        let answer = server.sign(&remote, &DIGEST);
        (answer.status == 200).then_some(answer)
    });
    assert!(remote.has_signed(&DIGEST, &signed));
}
