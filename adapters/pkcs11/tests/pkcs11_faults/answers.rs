//! Each class of return codes gives the answer of its class, and heals.

use signer_domain::ports::KeyProviderError::{Misconfigured, ProviderUnavailable};

use crate::stage::{assert_fails, in_a_process_of_its_own};

/// A handle or a login that has come to mean nothing, a session or an operation that is broken, a
/// device that stumbles, and codes that nobody has heard of.
const PASSING: [&str; 13] = [
    "CKR_OBJECT_HANDLE_INVALID",
    "CKR_KEY_HANDLE_INVALID",
    "CKR_GENERAL_ERROR",
    "CKR_USER_NOT_LOGGED_IN",
    "CKR_SESSION_HANDLE_INVALID",
    "CKR_SESSION_CLOSED",
    "CKR_OPERATION_ACTIVE",
    "CKR_OPERATION_NOT_INITIALIZED",
    "CKR_DEVICE_ERROR",
    "CKR_FUNCTION_FAILED",
    "CKR_FUNCTION_CANCELED",
    "0x8000002f",
    "0x7777",
];

/// The module or the token is gone.
const GONE: [&str; 5] = [
    "CKR_CRYPTOKI_NOT_INITIALIZED",
    "CKR_DEVICE_REMOVED",
    "CKR_TOKEN_NOT_PRESENT",
    "CKR_TOKEN_NOT_RECOGNIZED",
    "CKR_SLOT_ID_INVALID",
];

const NO_ROOM: [&str; 3] = ["CKR_SESSION_COUNT", "CKR_HOST_MEMORY", "CKR_DEVICE_MEMORY"];

/// What no repetition cures.
const FOR_THE_OPERATOR: [&str; 18] = [
    "CKR_MECHANISM_INVALID",
    "CKR_MECHANISM_PARAM_INVALID",
    "CKR_CURVE_NOT_SUPPORTED",
    "CKR_DOMAIN_PARAMS_INVALID",
    "CKR_TEMPLATE_INCOMPLETE",
    "CKR_TEMPLATE_INCONSISTENT",
    "CKR_ATTRIBUTE_READ_ONLY",
    "CKR_ATTRIBUTE_TYPE_INVALID",
    "CKR_ATTRIBUTE_VALUE_INVALID",
    "CKR_KEY_TYPE_INCONSISTENT",
    "CKR_KEY_FUNCTION_NOT_PERMITTED",
    "CKR_ACTION_PROHIBITED",
    "CKR_DATA_LEN_RANGE",
    "CKR_TOKEN_WRITE_PROTECTED",
    "CKR_SESSION_READ_ONLY",
    "CKR_CANT_LOCK",
    "CKR_FUNCTION_REJECTED",
    "CKR_FUNCTION_NOT_SUPPORTED",
];

#[test]
fn one_failure_that_passes_is_not_seen_by_the_caller() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        for function in ["C_SignInit", "C_Sign"] {
            for code in PASSING.into_iter().chain(GONE) {
                stage.rules(&format!("{function} at=1 rv={code}"));
                let outcome = stage.sign(&key);
                assert!(outcome.is_ok(), "{function} {code}: {outcome:?}");
                stage.no_rules();
                stage.sign(&key).unwrap();
            }
        }
    });
}

#[test]
fn a_failure_that_stays_is_unavailable_until_it_goes() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        for code in PASSING.into_iter().chain(GONE) {
            stage.rules(&format!("C_Sign rv={code}"));
            assert_fails!(stage.sign(&key), ProviderUnavailable { .. }, "{code}");
            stage.no_rules();
            stage.heals(&key);
        }
    });
}

#[test]
fn a_device_that_is_gone_altogether_is_unavailable_until_it_is_back() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        for code in GONE {
            let rule = |function: &str| format!("{function} rv={code}\n");
            let everything = [
                "C_SignInit",
                "C_OpenSession",
                "C_GetSlotList",
                "C_FindObjectsInit",
            ];
            stage.rules(&everything.map(rule).concat());
            assert_fails!(stage.sign(&key), ProviderUnavailable { .. }, "{code}");
            assert_fails!(stage.check(), ProviderUnavailable { .. }, "{code}");
            assert_fails!(stage.generate("k2"), ProviderUnavailable { .. }, "{code}");
            stage.no_rules();
            stage.heals(&key);
        }
    });
}

#[test]
fn a_token_without_room_is_unavailable_and_left_alone() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        let initialised = stage.count("C_Initialize ");
        for code in NO_ROOM {
            stage.rules(&format!("C_Sign rv={code}"));
            assert_fails!(stage.sign(&key), ProviderUnavailable { .. }, "{code}");
            stage.no_rules();
            stage.heals(&key);
        }
        assert_eq!(stage.count("C_Initialize "), initialised);
    });
}

#[test]
fn no_more_sessions_is_unavailable_until_there_are_some() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.rules("C_Sign rv=CKR_SESSION_CLOSED\nC_OpenSession rv=CKR_SESSION_COUNT");
        assert_fails!(stage.sign(&key), ProviderUnavailable { .. }, "sessions");
        stage.no_rules();
        stage.heals(&key);
    });
}

#[test]
fn what_no_repetition_cures_is_for_the_operator_and_ends_with_its_cause() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        let initialised = stage.count("C_Initialize ");
        for code in FOR_THE_OPERATOR {
            let refused = stage.count("C_GenerateKeyPair ");
            stage.rules(&format!("C_GenerateKeyPair rv={code}"));
            assert_fails!(stage.generate("k2"), Misconfigured { .. }, "{code}");
            let tries = stage.count("C_GenerateKeyPair ") - refused;
            // Once more on a session of its own, in case it was the session.
            assert!(tries <= 2, "{code}: {tries} tries");
            stage.no_rules();
            stage.sign(&key).unwrap();
        }
        assert_eq!(stage.count("C_Initialize "), initialised);
        stage.generate("k2").unwrap();
    });
}

#[test]
fn a_signature_that_is_refused_for_good_is_for_the_operator() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        for code in FOR_THE_OPERATOR {
            stage.rules(&format!("C_SignInit rv={code}"));
            assert_fails!(stage.sign(&key), Misconfigured { .. }, "{code}");
            stage.no_rules();
            stage.heals(&key);
        }
    });
}

#[test]
fn a_session_whose_operation_stays_active_is_replaced() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        // The real operation stays active in the session, for the real call is never made.
        stage.rules("C_Sign label=plexsphere:platform:k1 every=2 rv=CKR_DEVICE_ERROR");
        for _ in 0..20 {
            stage.sign(&key).unwrap();
        }
        stage.no_rules();
        let closed = stage.count("C_CloseSession ");
        assert!(closed >= 10, "{closed} sessions were closed");
        for _ in 0..20 {
            stage.sign(&key).unwrap();
        }
        assert_eq!(stage.count("C_CloseSession "), closed);
    });
}
