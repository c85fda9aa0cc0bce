//! A custodian that dies or is told nothing while a key is made: afterwards there is one key, and nothing
//! beside it.

use serde_json::Value;
use signer_test_support::PublishedKey;

use super::{Disruption, Installation};

const GENERATE: &str = r#"{"scope":"platform","key_id":"k1"}"#;

/// Makes sure that a custodian that starts now comes to exactly one key that signs, and that asking again
/// leads to it. What it listed before it was asked, and the key.
pub(crate) fn comes_to_one_key<I: Installation>(it: &I) -> (Value, PublishedKey) {
    let server = it.serve(&[]);
    let listed = server.get("/v1/keys").expect_status(200).json();
    let key = server.make("k1");
    assert_eq!(server.make("k1"), key);
    let signed = server.sign(&key, &[7; 64]).expect_status(200);
    assert!(key.has_signed(&[7; 64], &signed));
    assert_eq!(it.usable(), [key.handle_id.as_str()]);
    (listed, key)
}

pub(crate) fn a_death_between_the_key_and_its_record_leaves_one_key<I: Installation>() {
    for (point, made_before) in [
        ("provider.generate.before:1", 0),
        ("provider.generate.after:1", 1),
        ("registry.complete.before:1", 1),
        ("registry.complete.after:1", 1),
    ] {
        let it = I::new();
        let mut server = it.spawn_as(&it.program_that_dies_at(point), &[]);
        server.wait_until_ready();
        let cut = server.connect().ask("POST", "/v1/keys", Some(GENERATE));
        assert!(cut.is_err(), "{point}: {cut:?}");
        assert!(!server.wait().success());
        assert_eq!(it.made(), made_before, "{point}");
        let (adopted, key) = comes_to_one_key(&it);
        assert_eq!(it.made(), 1, "{point}");
        if made_before == 1 {
            assert_eq!(adopted["keys"][0]["handle_id"], key.handle_id, "{adopted}");
        }
    }
}

pub(crate) fn a_death_after_a_lost_answer_leaves_one_key<I: Installation>() {
    let it = I::new();
    let mut server = it.serve(&[]);
    it.begin(Disruption::LostKey);
    let answer = server.post("/v1/keys", GENERATE);
    answer.expect_status(I::LOST_KEY_ANSWER);
    server.kill();
    it.end();
    comes_to_one_key(&it);
    assert_eq!(it.made(), I::LOST_KEY_MAKES);
}

pub(crate) fn an_answer_that_is_lost_is_asked_for_again_and_makes_no_second_key<I: Installation>() {
    let it = I::new();
    let server = it.serve(&[]);
    it.begin(Disruption::LostKey);
    let answer = server.post("/v1/keys", GENERATE);
    let mut made = answer.expect_status(I::LOST_KEY_ANSWER);
    if I::LOST_KEY_ANSWER == 503 {
        assert_eq!(made.problem_code(), "provider_unavailable");
        made = server.post("/v1/keys", GENERATE).expect_status(201);
    }
    let made = made.json();
    assert_eq!(it.made(), I::LOST_KEY_MAKES);
    let again = server.post("/v1/keys", GENERATE).expect_status(200).json();
    assert_eq!(again, made);
    assert_eq!(it.made(), I::LOST_KEY_MAKES);
    assert_eq!(it.usable().len(), 1);
}
