//! A module that has to be initialised anew, and must not be under a call that does not return.

use std::time::{Duration, Instant};

use signer_domain::ports::KeyProviderError::ProviderUnavailable;

use crate::stage::{Stage, assert_fails, eventually, in_a_process_of_its_own};

const DEADLINE: Duration = Duration::from_millis(1500);
const HANG: &str = "C_Sign label=plexsphere:platform:stuck hang";
const GONE: &str = "C_SignInit rv=CKR_DEVICE_REMOVED\nC_OpenSession rv=CKR_DEVICE_REMOVED";

/// Has one call hang, and every other one meet a device that is gone.
fn hang_under_a_device_that_is_gone(stage: &Stage) {
    let stuck = stage.generate("stuck").unwrap();
    stage.sign(&stuck).unwrap();
    stage.rules(HANG);
    let outcome = stage.sign_within(&stuck, DEADLINE);
    assert_fails!(outcome, ProviderUnavailable { .. }, "hang");
    assert_eq!(stage.hung_calls(), 1);
    stage.rules(&format!("{HANG}\n{GONE}"));
}

fn heal(stage: &Stage) {
    stage.no_rules();
    eventually("a token that is whole", || stage.check().is_ok());
    eventually("the threads come back", || stage.hung_calls() == 0);
}

#[test]
fn is_told_when_a_token_that_was_whole_is_of_no_use_for_too_long() {
    in_a_process_of_its_own(|stage| {
        stage.with_stuck_after(Duration::from_millis(500));
        hang_under_a_device_that_is_gone(stage);
        let initialised = stage.count("C_Initialize ");
        assert!(!stage.is_stuck());
        eventually("a module that is stuck", || {
            assert_fails!(
                stage.check_within(DEADLINE),
                ProviderUnavailable { .. },
                "gone"
            );
            stage.is_stuck()
        });
        assert_eq!(stage.count("C_Initialize "), initialised);
        heal(stage);
    });
}

#[test]
fn is_told_when_a_login_hangs_for_too_long() {
    in_a_process_of_its_own(|stage| {
        stage.with_stuck_after(Duration::from_millis(500));
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        stage.rules("C_SignInit at=1 behind=logout\nC_Login hang");
        eventually("a module that is stuck", || {
            let outcome = stage.sign_within(&key, DEADLINE);
            assert_fails!(outcome, ProviderUnavailable { .. }, "login");
            stage.is_stuck()
        });
        heal(stage);
    });
}

/// Calls that never return bring no fault that would ask for an initialisation.
#[test]
fn is_told_when_no_thread_is_left_that_signs() {
    in_a_process_of_its_own(|stage| {
        stage.with_limits(Duration::from_millis(100), Duration::from_millis(500));
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        stage.rules("C_Sign hang");
        assert!(!stage.is_stuck());
        std::thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    let outcome = stage.sign_within(&key, DEADLINE * 4);
                    assert_fails!(outcome, ProviderUnavailable { .. }, "hang");
                });
            }
        });
        eventually("a module that is stuck", || {
            let outcome = stage.check_within(DEADLINE);
            assert_fails!(outcome, ProviderUnavailable { .. }, "no thread");
            stage.is_stuck()
        });
        heal(stage);
        stage.heals(&key);
    });
}

#[test]
fn is_told_later_of_a_token_that_was_never_whole() {
    in_a_process_of_its_own(|stage| {
        // What passes below is far more than this, and far less than ten times as long.
        stage.with_stuck_after(DEADLINE * 2);
        stage.rules("C_FindObjectsInit at=1 hang\nC_SignInit rv=CKR_DEVICE_REMOVED");
        for _ in 0..5 {
            let outcome = stage.check_within(DEADLINE);
            assert_fails!(outcome, ProviderUnavailable { .. }, "check");
        }
        assert_eq!(stage.hung_calls(), 1);
        assert!(!stage.is_stuck());
        heal(stage);
        hang_under_a_device_that_is_gone(stage);
        eventually("a module that is stuck", || {
            assert_fails!(
                stage.check_within(DEADLINE),
                ProviderUnavailable { .. },
                "gone"
            );
            stage.is_stuck()
        });
        heal(stage);
    });
}

/// Whoever else would log in waits for the call that hangs, for as long as the process lasts.
#[test]
fn is_told_when_the_very_first_login_hangs() {
    in_a_process_of_its_own(|stage| {
        stage.rules("C_GetSessionInfo at=1 behind=logout\nC_Login at=1 hang");
        stage.with_stuck_after(Duration::from_millis(200));
        eventually("a module that is stuck", || {
            let outcome = stage.check_within(DEADLINE);
            assert_fails!(outcome, ProviderUnavailable { .. }, "login");
            stage.is_stuck()
        });
        heal(stage);
    });
}

#[test]
fn is_not_told_while_signatures_still_work() {
    const LIMIT: Duration = Duration::from_secs(1);
    in_a_process_of_its_own(|stage| {
        stage.with_stuck_after(LIMIT);
        let stuck = stage.generate("stuck").unwrap();
        let other = stage.generate("other").unwrap();
        std::thread::scope(|scope| {
            // Two at once, so that each session that signs has been opened.
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        stage.sign(&other).unwrap();
                    }
                });
            }
        });
        stage.rules(HANG);
        let outcome = stage.sign_within(&stuck, DEADLINE);
        assert_fails!(outcome, ProviderUnavailable { .. }, "hang");
        // What opens no session any more wants the module to be initialised anew.
        stage.rules(&format!(
            "{HANG}\nC_OpenSession rv=CKR_DEVICE_ERROR\nC_FindObjectsInit rv=CKR_SESSION_CLOSED"
        ));
        let started = Instant::now();
        while started.elapsed() < LIMIT * 3 {
            assert_fails!(stage.locate("other"), ProviderUnavailable { .. }, "locate");
            eventually("a signature", || stage.sign(&other).is_ok());
        }
        assert!(!stage.is_stuck());
        heal(stage);
    });
}
