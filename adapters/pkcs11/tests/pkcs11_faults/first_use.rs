//! An empty token is taken into use only when the registry knows no key of it.

use std::fs;

use signer_domain::ports::KeyProviderError::ProviderUnavailable;
use signer_pkcs11::RegistryKnows;

use crate::stage::{Errand, assert_fails, copy_directory, in_a_process_of_its_own, objects};

const SENTINEL: &str = "plexsphere:sentinel";

#[test]
fn an_empty_token_gets_a_sentinel_only_when_the_registry_knows_no_key_of_it() {
    in_a_process_of_its_own(|stage| {
        stage.another_process_empties_the_token();
        for registry in [RegistryKnows::NotAsked, RegistryKnows::Keys] {
            stage.without_memory();
            stage.the_registry_knows(registry);
            for _ in 0..3 {
                assert_fails!(stage.check(), ProviderUnavailable { .. }, "{registry:?}");
                assert_fails!(
                    stage.generate("k1"),
                    ProviderUnavailable { .. },
                    "{registry:?}"
                );
            }
            assert_eq!(objects(SENTINEL), 0, "{registry:?}");
        }
        stage.the_registry_knows(RegistryKnows::NoKeys);
        stage.check().unwrap();
        assert_eq!(objects(SENTINEL), 2);
    });
}

/// The right token may have another serial number than the erased one.
#[test]
fn the_right_token_in_the_place_of_an_erased_one_is_taken_up() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        let (store, kept) = (stage.store(), stage.store().with_extension("kept"));
        copy_directory(&store, &kept);
        stage.another_process_empties_the_token();
        stage.without_memory();
        stage.the_registry_knows(RegistryKnows::Keys);
        assert_fails!(stage.sign(&key), ProviderUnavailable { .. }, "erased");
        fs::rename(&store, store.with_extension("erased")).unwrap();
        fs::rename(&kept, &store).unwrap();
        stage.heals(&key);
    });
}

/// It fits what was chosen, so that only a serial number tells why it is not taken.
#[test]
fn another_token_of_the_same_label_is_refused_with_the_serial_number_of_the_right_one() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        let (store, kept) = (stage.store(), stage.store().with_extension("kept"));
        fs::rename(&store, &kept).unwrap();
        fs::create_dir(&store).unwrap();
        stage.another_process_does(Errand::MakeAnother);
        stage.rules("C_SignInit at=1 behind=restart");
        let outcome = stage.sign(&key);
        let said = format!("{outcome:?}");
        assert_fails!(outcome, ProviderUnavailable { .. }, "another token");
        assert!(
            said.contains("the token of before (label:throwaway serial:"),
            "{said}"
        );
        stage.no_rules();
        fs::rename(&store, store.with_extension("other")).unwrap();
        fs::rename(&kept, &store).unwrap();
        stage.heals(&key);
    });
}
