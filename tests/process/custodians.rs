//! One state, one custodian: whatever leads a second one to the state of the first, never do both sign,
//! and no entry that was acknowledged is lost.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod pair;
mod watching;
mod ways;

use std::collections::BTreeSet;

use signer_test_support::{Random, setting};

use pair::{Beginning, Pair};
use ways::WAYS;

/// Tries every way, with the details by chance.
#[test]
fn two_custodians_never_sign_from_one_state_and_lose_no_entry_whatever_way_leads_there() {
    let tries: usize = setting("SIGNER_TEST_CUSTODIANS", WAYS.len());
    let seed: u64 = setting("SIGNER_TEST_SEED", 1);
    let mut random = Random::new(seed);
    let mut refused = BTreeSet::new();
    let beginning = Beginning::make();
    for number in 0..tries {
        let way = &WAYS[number % WAYS.len()];
        let what = format!("try {number} of seed {seed}: {}", way.name);
        let mut pair = Pair::start(&beginning, &what, random.fork());
        let tail = pair.sign_by_the_first(1 + random.below(4));
        assert_eq!(tail, 200, "{what}");
        let second = (way.lead)(&pair, &mut random);
        pair.start_the_second(&second);
        let signs = pair.try_both(2 + random.below(3));
        if !signs.second {
            refused.insert(way.name);
        }
        pair.end();
        pair.find_every_acknowledged_entry();
    }
    // The test would show nothing if the second never got as far as to be kept away.
    assert!(!refused.is_empty());
}
