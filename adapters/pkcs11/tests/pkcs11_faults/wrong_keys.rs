//! A token that signs with another key, or wrongly: nothing of it is released.
//!
//! `Stage::sign` holds every signature against the key it was asked for.

use signer_domain::ports::KeyProviderError::ProviderUnavailable;

use crate::stage::{assert_fails, in_a_process_of_its_own};

#[test]
fn a_swapped_handle_is_caught_and_the_right_key_signs() {
    in_a_process_of_its_own(|stage| {
        let one = stage.generate("one").unwrap();
        let other = stage.generate("other").unwrap();
        stage.sign(&one).unwrap();
        stage.sign(&other).unwrap();
        stage.rules("C_SignInit at=1 swap=previous");
        stage.sign(&one).unwrap();
        stage.no_rules();
        stage.sign(&other).unwrap();
    });
}

#[test]
fn a_handle_that_stays_swapped_releases_nothing() {
    in_a_process_of_its_own(|stage| {
        let one = stage.generate("one").unwrap();
        let other = stage.generate("other").unwrap();
        stage.sign(&one).unwrap();
        stage.sign(&other).unwrap();
        stage.rules("C_SignInit label=plexsphere:platform:one swap=previous");
        for _ in 0..3 {
            assert_fails!(stage.sign(&one), ProviderUnavailable { .. }, "swapped");
            stage.sign(&other).unwrap();
        }
        stage.no_rules();
        stage.heals(&one);
    });
}

#[test]
fn a_signature_with_one_wrong_bit_is_not_released() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.rules("C_Sign at=1 garble");
        stage.sign(&key).unwrap();
        stage.rules("C_Sign label=plexsphere:platform:k1 garble");
        assert_fails!(stage.sign(&key), ProviderUnavailable { .. }, "garbled");
        stage.no_rules();
        stage.heals(&key);
    });
}

#[test]
fn a_token_that_signs_wrongly_with_every_key_is_not_fit() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.rules("C_Sign garble");
        assert_fails!(stage.check(), ProviderUnavailable { .. }, "check");
        assert_fails!(stage.sign(&key), ProviderUnavailable { .. }, "sign");
        let outcome = stage.generate("k2");
        assert!(outcome.is_err(), "{outcome:?}");
        stage.no_rules();
        stage.heals(&key);
        stage.check().unwrap();
    });
}
