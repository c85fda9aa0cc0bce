//! Two custodians in one token: none destroys what the other made, and no name gets two keys.

use std::thread;

use cryptoki::object::ObjectClass;

use signer_domain::ports::KeyProviderError::{KeyRetired, Misconfigured};

use crate::stage::{Stage, assert_fails, in_a_process_of_its_own, objects, others};

const LABEL: &str = "plexsphere:platform:k1";

fn is_contested(stage: &Stage, refused: &impl std::fmt::Debug) {
    let said = format!("{refused:?}");
    let sentence = format!("another process made a pair labelled {LABEL}");
    assert!(said.contains(&sentence), "{said}");
    assert_eq!(objects(LABEL), 4);
    for again in [stage.generate("k1").map(Some), stage.locate("k1")] {
        assert_fails!(again, Misconfigured { .. }, "again");
    }
    assert_eq!(objects(LABEL), 4);
    others::destroy(LABEL);
    let key = stage.generate("k1").unwrap();
    stage.sign(&key).unwrap();
}

#[test]
fn a_pair_is_not_acknowledged_when_another_was_made_just_before() {
    in_a_process_of_its_own(|stage| {
        stage.rules("C_GenerateKeyPair hang");
        let refused = thread::scope(|scope| {
            let making = scope.spawn(|| stage.generate("k1"));
            stage.wait_until_held("C_GenerateKeyPair", 1);
            others::make(LABEL);
            stage.no_rules();
            making.join().unwrap()
        });
        assert_fails!(&refused, Misconfigured { .. }, "generate");
        is_contested(stage, &refused);
    });
}

#[test]
fn a_pair_is_not_acknowledged_when_another_was_made_just_after() {
    in_a_process_of_its_own(|stage| {
        // The first search finds out that the name is free, the second that nothing was overlooked.
        stage.rules("C_FindObjectsInit at=4 hang");
        let refused = thread::scope(|scope| {
            let making = scope.spawn(|| stage.generate("k1"));
            stage.wait_until_held("C_FindObjectsInit", 1);
            assert_eq!(objects(LABEL), 2);
            others::make(LABEL);
            stage.no_rules();
            making.join().unwrap()
        });
        assert_fails!(&refused, Misconfigured { .. }, "generate");
        is_contested(stage, &refused);
    });
}

#[test]
fn of_two_that_make_one_name_at_the_same_moment_not_both_have_it_acknowledged() {
    in_a_process_of_its_own(|stage| {
        let other = stage.beside();
        stage.rules("C_GenerateKeyPair hang");
        let (one, another) = thread::scope(|scope| {
            let one = scope.spawn(|| stage.generate("k1"));
            let another = scope.spawn(|| other.generate("k1"));
            stage.wait_until_held("C_GenerateKeyPair", 2);
            stage.no_rules();
            (one.join().unwrap(), another.join().unwrap())
        });
        assert_eq!(objects(LABEL), 4);
        for outcome in [&one, &another] {
            if outcome.is_err() {
                assert_fails!(outcome, Misconfigured { .. }, "generate");
            }
        }
        assert!(one.is_err() || another.is_err(), "{one:?} {another:?}");
        other.leave();
    });
}

/// A module makes the public half first, and that alone looks like a key that was retired.
#[test]
fn a_pair_that_another_is_making_is_not_taken_for_a_retired_one() {
    in_a_process_of_its_own(|stage| {
        stage.generate("k0").unwrap();
        let calls: [fn(&Stage) -> _; 2] = [
            |stage| stage.generate("k1").map(Some),
            |stage| stage.locate("k1"),
        ];
        for (earlier, call) in calls.into_iter().enumerate() {
            others::make_without(LABEL, ObjectClass::PRIVATE_KEY);
            // The first and the third find the one half, and the second the sentinel.
            stage.rules("C_FindObjectsInit at=4 hang");
            let adopted = thread::scope(|scope| {
                let stage = &*stage;
                let asking = scope.spawn(move || call(stage));
                stage.wait_until_held("C_FindObjectsInit", earlier + 1);
                others::destroy(LABEL);
                others::make(LABEL);
                stage.no_rules();
                asking.join().unwrap()
            });
            stage.sign(&adopted.unwrap().unwrap()).unwrap();
            others::destroy(LABEL);
        }
    });
}

#[test]
fn half_a_pair_that_stays_so_is_a_retired_one() {
    in_a_process_of_its_own(|stage| {
        others::make_without(LABEL, ObjectClass::PRIVATE_KEY);
        assert_fails!(stage.generate("k1"), KeyRetired, "generate");
        assert_fails!(stage.locate("k1"), KeyRetired, "locate");
        assert_eq!(objects(LABEL), 1);
    });
}
