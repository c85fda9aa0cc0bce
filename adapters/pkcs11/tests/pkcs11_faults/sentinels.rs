//! Several sentinels in one token: a process goes by one of them, and none is in the way.

use std::thread;

use cryptoki::object::ObjectClass;

use signer_domain::ports::KeyProviderError::{Misconfigured, ProviderUnavailable};

use crate::stage::{Stage, assert_fails, in_a_process_of_its_own, objects, others};

const SENTINEL: &str = "plexsphere:sentinel";

/// A key can be found, made and used, and one that is not there is certainly not there.
fn is_at_work(stage: &Stage, name: &str) {
    let key = stage.generate(name).unwrap();
    stage.sign(&key).unwrap();
    assert_eq!(stage.locate("never").unwrap(), None);
}

#[test]
fn a_process_stays_with_the_sentinel_that_it_met_first() {
    in_a_process_of_its_own(|stage| {
        // Among eight the first is the lowest one time in eight.
        for number in 2..=8 {
            others::make(SENTINEL);
            is_at_work(stage, &format!("k{number}"));
        }
        assert_eq!(objects(SENTINEL), 16);
    });
}

#[test]
fn a_process_that_finds_several_sentinels_starts_and_so_does_the_next() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        for number in 2..=8 {
            others::make(SENTINEL);
            stage.without_memory();
            stage.check().unwrap();
            stage.sign(&key).unwrap();
            is_at_work(stage, &format!("k{number}"));
        }
    });
}

#[test]
fn more_sentinels_than_are_examined_are_for_the_operator() {
    in_a_process_of_its_own(|stage| {
        (0..8).for_each(|_| others::make(SENTINEL));
        stage.without_memory();
        assert_fails!(stage.check(), Misconfigured { .. }, "check");
        let said = format!("{:?}", stage.check());
        assert!(
            said.contains("9 pairs labelled plexsphere:sentinel"),
            "{said}"
        );
        others::destroy(SENTINEL);
        others::make(SENTINEL);
        stage.check().unwrap();
        is_at_work(stage, "k1");
    });
}

#[test]
fn halves_beside_a_whole_sentinel_are_not_passed_over() {
    in_a_process_of_its_own(|stage| {
        others::make_without(SENTINEL, ObjectClass::PUBLIC_KEY);
        stage.without_memory();
        assert_fails!(stage.check(), Misconfigured { .. }, "private half");
        others::destroy(SENTINEL);
        others::make(SENTINEL);
        // It may be one of a pair that another process is making at this moment.
        others::make_without(SENTINEL, ObjectClass::PRIVATE_KEY);
        assert_fails!(stage.check(), ProviderUnavailable { .. }, "public half");
        others::destroy(SENTINEL);
        others::make(SENTINEL);
        stage.check().unwrap();
        is_at_work(stage, "k1");
    });
}

#[test]
fn halves_of_several_pairs_that_do_not_fit_are_not_passed_over() {
    in_a_process_of_its_own(|stage| {
        others::make_without(SENTINEL, ObjectClass::PUBLIC_KEY);
        others::make_without(SENTINEL, ObjectClass::PRIVATE_KEY);
        assert_eq!(objects(SENTINEL), 4);
        stage.without_memory();
        assert_fails!(stage.check(), Misconfigured { .. }, "check");
    });
}

#[test]
fn two_that_start_at_once_on_an_empty_token_both_work_and_a_third_does() {
    in_a_process_of_its_own(|stage| {
        others::destroy(SENTINEL);
        stage.without_memory();
        let other = stage.beside();
        stage.rules("C_GenerateKeyPair hang");
        thread::scope(|scope| {
            let stage = &*stage;
            let starting = [scope.spawn(|| stage.check()), scope.spawn(|| other.check())];
            stage.wait_until_held("C_GenerateKeyPair", 2);
            stage.no_rules();
            for started in starting {
                started.join().unwrap().unwrap();
            }
        });
        assert_eq!(objects(SENTINEL), 4);
        is_at_work(stage, "k1");
        is_at_work(&other, "k2");
        let third = stage.beside();
        third.check().unwrap();
        is_at_work(&third, "k3");
        third.leave();
        other.leave();
    });
}

#[test]
fn a_sentinel_and_a_key_that_come_while_a_process_looks_are_no_damage() {
    in_a_process_of_its_own(|stage| {
        others::destroy(SENTINEL);
        stage.without_memory();
        // Two searches for the sentinel, and the one that tells an empty token from a damaged one.
        stage.rules("C_FindObjectsInit at=3 hang");
        thread::scope(|scope| {
            let starting = scope.spawn(|| stage.check());
            stage.wait_until_held("C_FindObjectsInit", 1);
            others::make(SENTINEL);
            others::make("plexsphere:platform:other");
            stage.no_rules();
            starting.join().unwrap().unwrap();
        });
        assert_eq!(objects(SENTINEL), 2);
        is_at_work(stage, "k1");
    });
}
