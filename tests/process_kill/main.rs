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

/// What chance does in this test; the moments that it leads to depend on the machine all the same.
const SEED: u64 = 0x5eed_0008;

#[test]
fn a_hundred_kills_at_any_moment_lose_nothing_that_was_acknowledged() {
    println!("seed {SEED:#x}");
    let mut rounds = Rounds::new(SEED);
    for _ in 0..100 {
        rounds.kill_and_restart();
    }
    rounds.finish();
}
