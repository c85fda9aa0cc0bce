//! A call that does not return costs its caller the deadline, and nobody else anything.

use std::thread;
use std::time::{Duration, Instant};

use signer_domain::ports::KeyProviderError::ProviderUnavailable;

use crate::stage::{assert_fails, eventually, in_a_process_of_its_own, objects};

const DEADLINE: Duration = Duration::from_millis(1500);
/// What a loaded machine may add.
const SLACK: Duration = Duration::from_secs(1);

#[test]
fn is_unavailable_at_the_deadline_while_other_keys_sign_on() {
    in_a_process_of_its_own(|stage| {
        let stuck = stage.generate("stuck").unwrap();
        let other = stage.generate("other").unwrap();
        stage.sign(&stuck).unwrap();
        stage.sign(&other).unwrap();
        stage.rules("C_Sign label=plexsphere:platform:stuck hang");
        let stage = &*stage;
        thread::scope(|scope| {
            let hanging = scope.spawn(|| {
                let started = Instant::now();
                (stage.sign_within(&stuck, DEADLINE), started.elapsed())
            });
            stage.wait_until_held("C_Sign", 1);
            let mut signed = 0;
            while !hanging.is_finished() {
                let started = Instant::now();
                stage.sign(&other).unwrap();
                let took = started.elapsed();
                assert!(took < DEADLINE, "another key waited {took:?}");
                signed += 1;
            }
            assert!(signed > 20, "another key signed only {signed} times");
            let (outcome, took) = hanging.join().unwrap();
            assert_fails!(outcome, ProviderUnavailable { .. }, "hang");
            assert!(took >= DEADLINE && took < DEADLINE + SLACK, "{took:?}");
        });
        stage.no_rules();
        stage.heals(&stuck);
        eventually("the thread come back", || stage.hung_calls() == 0);
    });
}

#[test]
fn ten_in_a_row_do_not_end_the_service() {
    in_a_process_of_its_own(|stage| {
        let stuck = stage.generate("stuck").unwrap();
        let other = stage.generate("other").unwrap();
        stage.rules("C_Sign label=plexsphere:platform:stuck hang");
        for number in 1..=10 {
            let outcome = stage.sign_within(&stuck, DEADLINE);
            assert_fails!(outcome, ProviderUnavailable { .. }, "hang {number}");
            stage.sign(&other).unwrap();
        }
        assert_eq!(stage.hung_calls(), 10);
        stage.no_rules();
        stage.heals(&stuck);
        eventually("the threads come back", || stage.hung_calls() == 0);
        stage.check().unwrap();
    });
}

#[test]
fn more_hangs_than_there_may_be_are_answered_and_end() {
    in_a_process_of_its_own(|stage| {
        let stuck = stage.generate("stuck").unwrap();
        stage.sign(&stuck).unwrap();
        stage.rules("C_Sign label=plexsphere:platform:stuck hang");
        let stage = &*stage;
        thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    let started = Instant::now();
                    let outcome = stage.sign_within(&stuck, DEADLINE * 4);
                    assert_fails!(outcome, ProviderUnavailable { .. }, "hang");
                    assert!(started.elapsed() < DEADLINE * 4 + SLACK);
                });
            }
        });
        stage.no_rules();
        stage.heals(&stuck);
        eventually("the threads come back", || stage.hung_calls() == 0);
    });
}

#[test]
fn generating_hangs_without_the_signers_and_the_pair_is_adopted() {
    in_a_process_of_its_own(|stage| {
        let other = stage.generate("other").unwrap();
        stage.rules("C_GenerateKeyPair hang");
        let outcome = stage.generate_within("late", DEADLINE);
        assert_fails!(
            outcome,
            ProviderUnavailable {
                outcome_unknown: true,
                ..
            },
            "hang"
        );
        stage.sign(&other).unwrap();
        // The first call may yet make the pair, so that a second must not be made.
        let outcome = stage.generate_within("late", DEADLINE);
        assert_fails!(outcome, ProviderUnavailable { .. }, "generating again");
        stage.no_rules();
        eventually("the pair", || stage.generate("late").is_ok());
        let late = stage.generate("late").unwrap();
        stage.sign(&late).unwrap();
        assert_eq!(objects("plexsphere:platform:late"), 2);
    });
}

#[test]
fn a_search_that_hangs_leaves_the_keys_that_are_known() {
    in_a_process_of_its_own(|stage| {
        let known = stage.generate("known").unwrap();
        stage.sign(&known).unwrap();
        stage.sign(&known).unwrap();
        stage.rules("C_FindObjectsInit hang");
        let located = thread::scope(|scope| {
            let stage = &*stage;
            let searching = scope.spawn(|| stage.generate_within("new", DEADLINE));
            stage.wait_until_held("C_FindObjectsInit", 1);
            stage.sign(&known).unwrap();
            searching.join().unwrap()
        });
        assert_fails!(located, ProviderUnavailable { .. }, "search");
        stage.no_rules();
        stage.heals(&known);
        eventually("the thread come back", || stage.hung_calls() == 0);
    });
}

#[test]
fn a_late_answer_is_in_time_when_the_deadline_is_later() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.rules("C_Sign at=1 delay=600");
        let started = Instant::now();
        stage.sign(&key).unwrap();
        assert!(started.elapsed() >= Duration::from_millis(600));
        assert_eq!(stage.hung_calls(), 0);
    });
}

#[test]
fn a_module_that_is_slower_than_usual_hangs_no_sooner_than_it_may() {
    in_a_process_of_its_own(|stage| {
        stage.with_call_timeout(Duration::from_secs(3));
        let key = stage.generate("k1").unwrap();
        stage.rules("C_Sign label=plexsphere:platform:k1 delay=1500");
        let stage = &*stage;
        thread::scope(|scope| {
            let slow = scope.spawn(|| stage.sign(&key));
            assert_eq!(stage.most_hung_until(|| slow.is_finished()), 0);
            slow.join().unwrap().unwrap();
        });
    });
}

#[test]
fn whoever_waits_for_the_login_of_another_does_not_hang() {
    in_a_process_of_its_own(|stage| {
        let keys = ["k1", "k2"].map(|name| stage.generate(name).unwrap());
        for key in &keys {
            stage.sign(key).unwrap();
        }
        stage.rules("C_SignInit at=1 behind=logout\nC_Login at=1 delay=3000");
        let stage = &*stage;
        thread::scope(|scope| {
            let logs_in = scope.spawn(|| stage.sign(&keys[0]));
            stage.wait_until_held("C_Login", 1);
            let waits = scope.spawn(|| stage.sign(&keys[1]));
            let searches = scope.spawn(|| stage.locate("k2"));
            let threads_left = stage.most_hung_until(|| waits.is_finished());
            assert_eq!(threads_left, 1, "the one that logs in");
            logs_in.join().unwrap().unwrap();
            waits.join().unwrap().unwrap();
            searches.join().unwrap().unwrap();
        });
        eventually("the thread come back", || stage.hung_calls() == 0);
    });
}
