//! The fault module before the real module that `PKCS11_MODULE` names: it forwards, and each effect
//! of a rule is seen by a caller as the README says.
//!
//! A module lives once in a process and reads its variables from the environment, so each case runs
//! in a process of its own, which is this same program started again.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod stage;

use std::thread;
use std::time::{Duration, Instant};

use cryptoki::error::{Error, RvError};
use cryptoki::session::SessionState;

use stage::in_a_process_of_its_own;

fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> RvError {
    match outcome.unwrap_err() {
        Error::Pkcs11(code, _) => code,
        other => panic!("not an answer of the module: {other}"),
    }
}

#[test]
fn forwards_when_there_is_no_rule() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        let pair = stage::generate(&session, "k1");
        let signature = stage::sign(&session, pair).unwrap();
        assert!(stage::verifies(&session, pair, &signature));
        assert!(
            stage.trace().contains("C_Sign 2 0x0\n"),
            "{}",
            stage.trace()
        );
    });
}

#[test]
fn refuses_the_third_signature_and_leaves_the_operation_active() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        let pair = stage::generate(&session, "k1");
        stage.rules("C_Sign at=3 rv=CKR_DEVICE_ERROR");
        stage::sign(&session, pair).unwrap();
        stage::sign(&session, pair).unwrap();
        assert_eq!(code(stage::sign(&session, pair)), RvError::DeviceError);
        assert_eq!(code(stage::sign(&session, pair)), RvError::OperationActive);
        let fresh = stage.session();
        stage::sign(&fresh, pair).unwrap();
        let line = "C_Sign 2 0x30 C_Sign at=3 rv=CKR_DEVICE_ERROR\n";
        assert!(stage.trace().contains(line), "{}", stage.trace());
    });
}

#[test]
fn loses_the_reply_of_a_call_that_took_effect() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        stage.rules("C_GenerateKeyPair at=1 after=CKR_DEVICE_ERROR");
        assert_eq!(
            code(stage::try_generate(&session, "k1")),
            RvError::DeviceError
        );
        assert_eq!(stage::find(&session, "k1").len(), 2);
    });
}

#[test]
fn holds_one_session_until_the_rule_goes_and_lets_the_others_through() {
    in_a_process_of_its_own(|stage| {
        let first = stage.session();
        let pair = stage::generate(&first, "k1");
        let second = stage.session();
        stage.rules("C_Sign session=3 hang");
        let held = thread::spawn(move || stage::sign(&second, pair));
        stage.wait_for("C_Sign 3 held");
        stage::sign(&first, pair).unwrap();
        assert!(!held.is_finished());
        stage.rules("");
        held.join().unwrap().unwrap();
    });
}

#[test]
fn makes_a_call_late() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        let pair = stage::generate(&session, "k1");
        stage.rules("C_Sign delay=300");
        let started = Instant::now();
        stage::sign(&session, pair).unwrap();
        assert!(started.elapsed() >= Duration::from_millis(300));
    });
}

#[test]
fn knows_a_key_by_its_label() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        let one = stage::generate(&session, "k1");
        let other = stage::generate(&session, "k2");
        stage.rules("C_SignInit label=k2 rv=CKR_DEVICE_REMOVED");
        stage::sign(&session, one).unwrap();
        assert_eq!(code(stage::sign(&session, other)), RvError::DeviceRemoved);
        stage.rules("C_Sign label=k1 rv=CKR_DEVICE_MEMORY");
        stage::sign(&session, other).unwrap();
        assert_eq!(code(stage::sign(&session, one)), RvError::DeviceMemory);
    });
}

#[test]
fn signs_with_the_previous_key() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        let one = stage::generate(&session, "k1");
        let other = stage::generate(&session, "k2");
        stage::sign(&session, one).unwrap();
        stage.rules("C_SignInit swap=previous");
        let signature = stage::sign(&session, other).unwrap();
        assert!(stage::verifies(&session, one, &signature));
        assert!(!stage::verifies(&session, other, &signature));
    });
}

#[test]
fn signs_with_the_object_that_takes_the_place_of_another() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        let one = stage::generate(&session, "k1");
        let other = stage::generate(&session, "k2");
        stage.rules(&format!(
            "C_SignInit swap={}:{}",
            one.private, other.private
        ));
        let signature = stage::sign(&session, one).unwrap();
        assert!(stage::verifies(&session, other, &signature));
    });
}

#[test]
fn spoils_a_signature() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        let pair = stage::generate(&session, "k1");
        stage.rules("C_Sign at=1 garble");
        let signature = stage::sign(&session, pair).unwrap();
        assert!(!stage::verifies(&session, pair, &signature));
    });
}

#[test]
fn finds_nothing_and_leaves_the_session_in_order() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        stage::generate(&session, "k1");
        stage.rules("C_FindObjects empty");
        assert_eq!(stage::find(&session, "k1").len(), 0);
        stage.rules("");
        assert_eq!(stage::find(&session, "k1").len(), 2);
    });
}

#[test]
fn hides_what_it_has_failed_to_destroy_until_it_is_initialised_anew() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        let pair = stage::generate(&session, "k1");
        stage.rules("C_DestroyObject hide=CKR_GENERAL_ERROR");
        let answer = code(session.destroy_object(pair.private));
        assert_eq!(answer, RvError::GeneralError);
        assert_eq!(stage::find(&session, "k1").len(), 1);
        stage.rules("C_GetSessionInfo at=1 behind=restart");
        drop(session.get_session_info());
        let session = stage.session();
        assert_eq!(stage::find(&session, "k1").len(), 2);
    });
}

#[test]
fn logs_out_behind_the_back() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        let other = stage.session();
        stage.rules("C_GetSessionInfo at=1 behind=logout");
        let state = session.get_session_info().unwrap().session_state();
        assert_eq!(state, SessionState::RwPublic);
        let state = other.get_session_info().unwrap().session_state();
        assert_eq!(state, SessionState::RwPublic);
    });
}

#[test]
fn closes_all_sessions_behind_the_back() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        stage.rules("C_GetSessionInfo at=1 behind=close-all");
        let answer = code(session.get_session_info());
        assert_eq!(answer, RvError::SessionHandleInvalid);
    });
}

#[test]
fn finalizes_behind_the_back() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        stage.rules("C_GetSessionInfo at=1 behind=finalize");
        let answer = code(session.get_session_info());
        assert_eq!(answer, RvError::CryptokiNotInitialized);
    });
}

#[test]
fn restarts_the_module_behind_the_back() {
    in_a_process_of_its_own(|stage| {
        let session = stage.session();
        stage.rules("C_GetSessionInfo at=1 behind=restart");
        let answer = code(session.get_session_info());
        assert_eq!(answer, RvError::SessionHandleInvalid);
        let fresh = stage.session();
        stage::generate(&fresh, "k1");
    });
}
