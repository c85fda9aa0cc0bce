//! A call that took effect although its answer says that it failed.

use signer_domain::ports::KeyProviderError::{KeyRetired, ProviderUnavailable};

use crate::stage::{assert_fails, in_a_process_of_its_own, objects};

const LABEL: &str = "plexsphere:platform:k1";

#[test]
fn a_pair_whose_answer_was_lost_is_adopted_and_not_made_twice() {
    in_a_process_of_its_own(|stage| {
        for (number, code) in [
            "CKR_DEVICE_ERROR",
            "CKR_SESSION_HANDLE_INVALID",
            "CKR_GENERAL_ERROR",
        ]
        .into_iter()
        .enumerate()
        {
            let name = format!("k{number}");
            stage.rules(&format!("C_GenerateKeyPair at=1 after={code}"));
            let key = stage.generate(&name).unwrap();
            stage.no_rules();
            stage.sign(&key).unwrap();
            assert_eq!(objects(&format!("plexsphere:platform:{name}")), 2, "{code}");
            assert_eq!(stage.generate(&name).unwrap(), key);
        }
    });
}

#[test]
fn a_pair_whose_answers_are_all_lost_is_adopted_by_the_next_generate() {
    in_a_process_of_its_own(|stage| {
        // The pair is made, and then nothing can be looked for.
        stage.rules(
                "C_GenerateKeyPair at=1 after=CKR_DEVICE_ERROR\nC_FindObjectsInit from=3 rv=CKR_DEVICE_ERROR",
            );
        let made = stage.count("C_GenerateKeyPair ");
        let outcome = stage.generate("k1");
        if stage.count("C_GenerateKeyPair ") > made {
            assert_fails!(
                outcome,
                ProviderUnavailable {
                    outcome_unknown: true,
                    ..
                },
                "lost"
            );
        }
        stage.no_rules();
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        assert_eq!(objects(LABEL), 2);
    });
}

#[test]
fn a_retirement_whose_answer_was_lost_is_done() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.rules("C_DestroyObject at=1 after=CKR_DEVICE_ERROR");
        stage.retire(&key).unwrap();
        stage.no_rules();
        assert_fails!(stage.sign(&key), KeyRetired, "sign");
        assert_fails!(stage.generate("k1"), KeyRetired, "generate");
        // The public half is the tombstone.
        assert_eq!(objects(LABEL), 1);
    });
}

#[test]
fn a_signature_whose_answer_was_lost_is_made_again() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        let first = stage.sign(&key).unwrap();
        stage.rules("C_Sign at=1 after=CKR_DEVICE_ERROR");
        assert_eq!(stage.sign(&key).unwrap(), first);
    });
}
