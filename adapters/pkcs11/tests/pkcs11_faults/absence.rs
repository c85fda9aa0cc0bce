//! A key that is not seen is gone only when the token is seen whole.

use std::thread;

use signer_domain::HandleId;
use signer_domain::ports::GeneratedKey;
use signer_domain::ports::KeyProviderError::{KeyNotFound, ProviderUnavailable};

use crate::stage::{assert_fails, in_a_process_of_its_own};

#[test]
fn a_search_that_finds_nothing_is_not_believed() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.without_memory();
        stage.check().unwrap();
        let made = stage.count("C_GenerateKeyPair ");
        stage.rules("C_FindObjects empty");
        assert_fails!(stage.sign(&key), ProviderUnavailable { .. }, "sign");
        assert_fails!(stage.locate("k1"), ProviderUnavailable { .. }, "locate");
        assert_fails!(stage.retire(&key), ProviderUnavailable { .. }, "retire");
        for name in ["k1", "k2"] {
            assert_fails!(
                stage.generate(name),
                ProviderUnavailable { .. },
                "generate {name}"
            );
        }
        assert_eq!(stage.count("C_GenerateKeyPair "), made);
        stage.no_rules();
        stage.heals(&key);
        assert_eq!(stage.generate("k1").unwrap(), key);
    });
}

#[test]
fn a_logout_before_each_search_is_not_taken_for_an_absent_key() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.without_memory();
        stage.check().unwrap();
        stage.rules("C_FindObjectsInit every=2 behind=logout");
        if let Err(error) = stage.sign(&key) {
            assert!(matches!(error, ProviderUnavailable { .. }), "{error:?}");
        }
        stage.no_rules();
        stage.heals(&key);
    });
}

/// The proof before the search and the one behind it are then of two logins, and between them there was
/// none.
#[test]
fn a_search_over_which_another_session_logs_in_again_is_not_believed() {
    in_a_process_of_its_own(|stage| {
        let (key, other) = (stage.generate("k1").unwrap(), stage.generate("k2").unwrap());
        stage.sign(&other).unwrap();
        stage.rules(
            "C_FindObjects at=1 empty\n\
             C_FindObjectsInit at=3 behind=logout\n\
             C_GetSessionInfo at=2 hang",
        );
        let stage = &*stage;
        thread::scope(|scope| {
            let looking = scope.spawn(|| stage.locate("k1"));
            stage.wait_until_held("C_GetSessionInfo", 1);
            stage.sign(&other).unwrap();
            stage.no_rules();
            match looking.join().unwrap() {
                Ok(found) => assert_eq!(found.as_ref(), Some(&key)),
                Err(error) => assert!(matches!(error, ProviderUnavailable { .. }), "{error:?}"),
            }
        });
        stage.heals(&key);
    });
}

#[test]
fn a_key_that_never_was_is_not_found() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        let never = GeneratedKey {
            handle_id: HandleId::parse("pkcs11:plexsphere:platform:never").unwrap(),
            ..key
        };
        assert_fails!(stage.sign(&never), KeyNotFound, "sign");
        assert_eq!(stage.locate("never").unwrap(), None);
    });
}
