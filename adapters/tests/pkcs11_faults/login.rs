//! A PIN that was refused is never offered again.

use signer_domain::ports::KeyProviderError::Misconfigured;

use crate::stage::{assert_fails, in_a_process_of_its_own};

const REFUSED: [&str; 4] = [
    "CKR_PIN_INCORRECT",
    "CKR_PIN_LOCKED",
    "CKR_PIN_EXPIRED",
    "CKR_USER_PIN_NOT_INITIALIZED",
];

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

#[test]
fn a_login_that_fails_for_the_moment_is_tried_again() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.rules("C_SignInit at=1 behind=logout\nC_Login at=1 rv=CKR_DEVICE_ERROR");
        stage.heals(&key);
    });
}
