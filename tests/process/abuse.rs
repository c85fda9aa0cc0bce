//! What nobody should send, sent to the built binary: nothing is signed that was not asked for, and
//! the custodian neither dies nor stalls.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod arena;
mod attack;
mod bodies;
mod framing;
mod handles;
mod lingering;
mod pipelines;
mod scopes;

use arena::Arena;
use attack::Attack;

/// Every attack there is.
fn attacks() -> Vec<Attack> {
    [
        handles::malformed(),
        handles::unknown(),
        handles::astray(),
        scopes::attacks(),
        bodies::of_a_sign(),
        bodies::of_a_batch(),
        bodies::of_a_generate(),
        bodies::of_calls_that_take_none(),
        framing::contradictory_lengths(),
        framing::broken_chunks(),
        framing::broken_heads(),
        framing::floods(),
        framing::cut_short(),
        pipelines::attacks(),
    ]
    .concat()
}

#[test]
fn two_hundred_abuses_sign_nothing_that_was_not_asked_for_and_stall_nobody() {
    let mut arena = Arena::open();
    for attack in attacks() {
        arena.face(&attack);
    }
    assert!(arena.attacks_faced() >= 200, "{}", arena.attacks_faced());
    println!("{} attacks", arena.attacks_faced());
    arena.close();
}
