//! Somebody else in the process, or in another one, uses the same module or token.

use std::fs;

use signer_domain::ports::GeneratedKey;
use signer_domain::ports::KeyProviderError::{KeyNotFound, ProviderUnavailable};

use crate::stage::{Stage, assert_fails, in_a_process_of_its_own, objects};

/// Enough for a handle to mean another key after an initialisation.
fn keys(stage: &Stage) -> Vec<GeneratedKey> {
    let make = |number| stage.generate(&format!("k{number}")).unwrap();
    let keys: Vec<_> = (0..8).map(make).collect();
    for key in &keys {
        stage.sign(key).unwrap();
    }
    keys
}

fn heals_from(meddling: &str, stage: &Stage) {
    let keys = keys(stage);
    for key in &keys {
        stage.rules(&format!("C_SignInit at=1 behind={meddling}"));
        stage.sign(key).unwrap();
        stage.no_rules();
        // Each signature is held against its own key.
        for key in &keys {
            stage.sign(key).unwrap();
        }
    }
    stage.generate("after").unwrap();
}

#[test]
fn a_logout_is_followed_by_a_login() {
    in_a_process_of_its_own(|stage| {
        heals_from("logout", stage);
    });
}

#[test]
fn sessions_that_were_closed_are_opened_again() {
    in_a_process_of_its_own(|stage| heals_from("close-all", stage));
}

#[test]
fn a_module_that_was_finalised_is_initialised() {
    in_a_process_of_its_own(|stage| heals_from("finalize", stage));
}

#[test]
fn handles_of_before_a_restart_sign_for_nobody() {
    in_a_process_of_its_own(|stage| heals_from("restart", stage));
}

#[test]
fn a_logout_while_generating_is_followed_by_a_login() {
    in_a_process_of_its_own(|stage| {
        for meddling in ["logout", "close-all", "finalize", "restart"] {
            for function in ["C_FindObjectsInit", "C_GenerateKeyPair"] {
                stage.rules(&format!("{function} at=1 behind={meddling}"));
                let name = format!("{meddling}-{function}");
                let key = stage.generate(&name).unwrap();
                stage.no_rules();
                stage.sign(&key).unwrap();
                assert_eq!(objects(&format!("plexsphere:platform:{name}")), 2);
            }
        }
    });
}

#[test]
fn a_store_that_is_away_is_no_missing_key() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.without_memory();
        stage.check().unwrap();
        let away = stage.store().with_extension("away");
        fs::rename(stage.store(), &away).unwrap();
        for _ in 0..5 {
            // A module that holds the store open may sign on.
            if let Err(error) = stage.sign(&key) {
                assert!(matches!(error, ProviderUnavailable { .. }), "{error:?}");
            }
        }
        fs::rename(away, stage.store()).unwrap();
        stage.heals(&key);
    });
}

#[test]
fn a_token_that_was_emptied_is_not_taken_for_ours() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        stage.another_process_empties_the_token();
        for name in ["k1", "k2"] {
            let outcome = stage.generate(name);
            assert_fails!(outcome, ProviderUnavailable { .. }, "generate {name}");
        }
        let outcome = stage.locate("k1");
        assert_fails!(outcome, ProviderUnavailable { .. }, "locate");
        let outcome = stage.sign(&key);
        assert!(!matches!(outcome, Err(KeyNotFound)), "{outcome:?}");
    });
}
