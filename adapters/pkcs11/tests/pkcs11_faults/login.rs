//! A PIN that was refused is never offered again, and one that meets another failure seldom.

use std::thread;

use signer_domain::ports::GeneratedKey;
use signer_domain::ports::KeyProviderError::{Misconfigured, ProviderUnavailable};

use crate::stage::{Errand, Stage, TriesLeft, assert_fails, in_a_process_of_its_own};

/// Callers at once, and the calls of each.
const LOAD: (usize, usize) = (4, 25);
/// With pauses that double from a tenth of a second, as many are offered in the first minute.
const MOST_OFFERS: usize = 10;

const REFUSED: [&str; 3] = ["CKR_PIN_INCORRECT", "CKR_PIN_LOCKED", "CKR_PIN_EXPIRED"];

#[test]
fn a_refused_pin_is_offered_once_and_stays_refused() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        for code in REFUSED {
            stage.without_memory();
            stage.sign(&key).unwrap();
            let logins = stage.count("C_Login ");
            stage.rules(&format!("C_SignInit at=1 behind=logout\nC_Login rv={code}"));
            for _ in 0..5 {
                assert_fails!(stage.sign(&key), Misconfigured { .. }, "{code}");
                assert_fails!(stage.check(), Misconfigured { .. }, "{code}");
                assert_fails!(stage.generate("k2"), Misconfigured { .. }, "{code}");
            }
            assert_eq!(stage.count("C_Login "), logins + 1, "{code}");
            // The token would take the PIN now, but nobody has said so.
            stage.no_rules();
            assert_fails!(stage.sign(&key), Misconfigured { .. }, "{code}");
            assert_eq!(stage.count("C_Login "), logins + 1, "{code}");
        }
    });
}

#[test]
fn a_refused_pin_is_offered_once_at_the_start() {
    in_a_process_of_its_own(|stage| {
        stage.rules("C_GetSessionInfo at=1 behind=logout\nC_Login rv=CKR_PIN_INCORRECT");
        stage.without_memory();
        let logins = stage.count("C_Login ");
        for _ in 0..5 {
            assert_fails!(stage.check(), Misconfigured { .. }, "check");
        }
        assert_eq!(stage.count("C_Login "), logins + 1);
    });
}

/// It would count the PIN as a wrong one, and the right token would not get it any more.
#[test]
fn no_pin_is_offered_to_another_token_in_the_slot() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        let logins = stage.count("C_Login ");
        stage.rules("C_SignInit at=1 behind=logout\nC_GetTokenInfo stranger");
        for _ in 0..3 {
            assert_fails!(stage.sign(&key), ProviderUnavailable { .. }, "another");
        }
        assert_eq!(stage.count("C_Login "), logins);
        stage.no_rules();
        stage.heals(&key);
    });
}

#[test]
fn a_login_that_fails_for_the_moment_is_tried_again() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        // A token that has no PIN yet counts none as a wrong one.
        for code in ["CKR_DEVICE_ERROR", "CKR_USER_PIN_NOT_INITIALIZED"] {
            stage.rules(&format!(
                "C_SignInit at=1 behind=logout\nC_Login at=1 rv={code}"
            ));
            stage.heals(&key);
        }
    });
}

/// A supervisor that does not know of exit codes starts a custodian with a wrong PIN for ever.
#[test]
fn starts_with_a_wrong_pin_never_lock_the_token() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        let logins = stage.count("C_Login ");
        let starts = 12;
        for _ in 0..starts {
            stage.with_a_wrong_pin();
            assert_fails!(stage.check(), Misconfigured { .. }, "a wrong PIN");
        }
        let offered = stage.count("C_Login ") - logins;
        match TriesLeft::of_the_token() {
            TriesLeft::Enough => assert_eq!(offered, starts),
            TriesLeft::One => {
                assert_eq!(offered, starts - 3);
                // The right PIN might be a wrong one as well, for all that is known.
                stage.without_memory();
                assert_fails!(stage.check(), Misconfigured { .. }, "the last try");
                assert_eq!(stage.count("C_Login ") - logins, offered);
            }
            TriesLeft::None => panic!("the token is locked after {offered} wrong PINs"),
        }
        stage.another_process_does(Errand::OfferTheRightPin);
        stage.restart_the_module();
        stage.sign(&key).unwrap();
    });
}

#[test]
fn a_pin_that_the_token_has_locked_is_not_offered() {
    in_a_process_of_its_own(|stage| {
        stage.another_process_does(Errand::OfferWrongPins);
        let left = stage.another_process_does(Errand::OfferOneMore);
        let logins = stage.count("C_Login ");
        stage.restart_the_module();
        if left != TriesLeft::None {
            println!("skipped: this module locks no PIN after ten wrong ones");
            return;
        }
        for _ in 0..3 {
            assert_fails!(stage.check(), Misconfigured { .. }, "a locked PIN");
        }
        assert_eq!(stage.count("C_Login "), logins);
    });
}

#[test]
fn the_last_try_is_not_taken_by_a_login_that_is_renewed() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        let left = stage.another_process_does(Errand::OfferWrongPins);
        let logins = stage.count("C_Login ");
        stage.rules("C_SignInit at=1 behind=restart");
        if left == TriesLeft::Enough {
            println!("this module shows no last try, so that the PIN is offered");
            stage.sign(&key).unwrap();
            return;
        }
        for _ in 0..3 {
            assert_fails!(stage.sign(&key), Misconfigured { .. }, "the last try");
            assert_fails!(stage.check(), Misconfigured { .. }, "the last try");
        }
        assert_eq!(stage.count("C_Login "), logins);
        // It stays so until the operator has seen to it.
        let left = stage.another_process_does(Errand::OfferTheRightPin);
        assert_eq!(left, TriesLeft::Enough);
        assert_fails!(stage.sign(&key), Misconfigured { .. }, "not seen to");
        assert_eq!(stage.count("C_Login "), logins);
    });
}

#[test]
fn a_login_that_fails_for_the_moment_is_tried_again_after_the_module_is_initialised_anew() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        let (logins, initialised) = (stage.count("C_Login "), stage.count("C_Initialize "));
        stage.rules("C_SignInit at=1 behind=logout\nC_Login at=1 rv=CKR_FUNCTION_FAILED");
        stage.sign(&key).unwrap();
        assert_eq!(stage.count("C_Login "), logins + 2);
        assert_eq!(stage.count("C_Initialize "), initialised + 1);
    });
}

/// A module may tell a wrong PIN by a general code, and its token lock the PIN.
#[test]
fn a_login_that_fails_again_and_again_offers_few_pins_whatever_the_load() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        let (logins, initialised) = (stage.count("C_Login "), stage.count("C_Initialize "));
        stage.rules("C_SignInit at=1 behind=logout\nC_Login rv=CKR_FUNCTION_FAILED");
        keep_asking(stage, &key);
        let offers = stage.count("C_Login ") - logins;
        assert!((2..=MOST_OFFERS).contains(&offers), "{offers} PINs");
        assert!(stage.count("C_Initialize ") > initialised);
        stage.no_rules();
        stage.heals(&key);
        stage.check().unwrap();
    });
}

#[test]
fn a_first_login_that_fails_again_and_again_offers_few_pins_whatever_the_load() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.rules("C_GetSessionInfo at=1 behind=logout\nC_Login rv=CKR_GENERAL_ERROR");
        stage.without_memory();
        let logins = stage.count("C_Login ");
        keep_asking(stage, &key);
        let offers = stage.count("C_Login ") - logins;
        assert!((2..=MOST_OFFERS).contains(&offers), "{offers} PINs");
        stage.no_rules();
        stage.heals(&key);
    });
}

/// Has several callers ask again and again, in vain.
fn keep_asking(stage: &Stage, key: &GeneratedKey) {
    let (callers, calls) = LOAD;
    thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                for _ in 0..calls {
                    assert_fails!(stage.sign(key), ProviderUnavailable { .. }, "sign");
                    assert_fails!(stage.locate("k1"), ProviderUnavailable { .. }, "locate");
                }
            });
        }
    });
}
