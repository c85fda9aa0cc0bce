//! A custodian that is killed in the middle of its work, and started again: what it acknowledged
//! stands.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a helper that fails is a test that fails, and a long test tells what it did"
)]

mod first_start;
mod inspection;
mod ledger;
mod rounds;
mod stored;
mod workers;

use rounds::Rounds;
use signer_test_support::setting;

/// What chance does in this test; the moments that it leads to depend on the machine all the same.
const SEED: u64 = 0x5eed_0008;

#[test]
fn a_hundred_kills_at_any_moment_lose_nothing_that_was_acknowledged() {
    let seed = setting("SIGNER_TEST_SEED", SEED);
    println!("seed {seed:#x}");
    let mut rounds = Rounds::new(seed);
    for _ in 0..setting("SIGNER_TEST_KILLS", 100) {
        rounds.kill_and_restart();
    }
    rounds.finish();
}
