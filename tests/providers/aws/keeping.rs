//! Keys live in the account, under the alias that an operator wants.

use signer_cloud_fakes::aws::{SignOtherwise, damaged, prehashed, with_another_key};

use super::harness::Harness;
use crate::suite::Installation as _;

#[test]
fn the_alias_of_a_key_begins_as_the_operator_wants_and_a_retired_key_is_disabled() {
    let harness = Harness::new();
    let server = harness.serve(&[]);
    server.make("kept");
    server.retire(&server.make("gone")).expect_status(200);
    let keys = harness.fake.keys();
    assert_eq!((keys[0].state, keys[1].state), ("Enabled", "Disabled"));
    for key in keys {
        let alias = key.alias.unwrap();
        assert!(alias.starts_with("alias/acme/signer/k-"), "{alias}");
    }
}

#[test]
fn a_signature_that_is_not_the_keys_is_asked_for_once_more_and_then_no_more() {
    let harness = Harness::new();
    let server = harness.serve(&[]);
    let otherwise: [(&str, SignOtherwise); 3] =
        [("k1", with_another_key), ("k2", prehashed), ("k3", damaged)];
    for (number, (key_id, how)) in otherwise.into_iter().enumerate() {
        let key = server.make(key_id);
        harness.fake.sign_otherwise(Some(how));
        let refused = server.sign(&key, &[7; 64]);
        let asked = 2 * (number + 1);
        assert_eq!((refused.status, harness.count_of("Sign")), (500, asked));
    }
}
