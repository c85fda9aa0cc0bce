//! Kills that come while the custodian makes its registry and its socket for the first time.

use signer_test_support::{Random, Server, Workplace, pause, shipped};

const SEED: u64 = 0x5eed_0009;

#[test]
fn a_kill_at_any_moment_of_the_first_start_leaves_a_place_where_the_next_one_starts() {
    println!("seed {SEED:#x}");
    let program = shipped!();
    let mut random = Random::new(SEED);
    for _ in 0..40 {
        let place = Workplace::with_seed();
        let flags = place.software_flags();
        let mut early = Server::spawn(&program, &place, flags);
        pause(random.pause(0, 30));
        early.kill();
        let left = place.names();
        let server = Server::start(&program, &place, &[]);
        let document = r#"{"scope":"platform","key_id":"k1"}"#;
        server.post("/v1/keys", document).expect_status(201);
        let drafts = place.names();
        let drafts: Vec<_> = drafts.iter().filter(|name| name.contains(".new")).collect();
        assert!(drafts.is_empty(), "{left:?} became {drafts:?}");
    }
}
