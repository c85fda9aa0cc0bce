//! A pair that is found is taken into use only if nobody can hold a copy of its private half.

use cryptoki::object::Attribute;

use signer_domain::ports::KeyProviderError::Misconfigured;

use crate::stage::{Stage, assert_fails, in_a_process_of_its_own, objects, others};

const LABEL: &str = "plexsphere:platform:k1";
const SENTINEL: &str = "plexsphere:sentinel";

/// Neither door is open to the pair, it stays where it is, and the name is free once it is gone.
fn is_refused(stage: &Stage) {
    assert_fails!(stage.generate("k1"), Misconfigured { .. }, "generate");
    assert_fails!(stage.locate("k1"), Misconfigured { .. }, "locate");
    let said = format!("{:?}", stage.generate("k1"));
    let sentence = format!("the private key labelled {LABEL} was not made in this token");
    assert!(said.contains(&sentence), "{said}");
    assert_eq!(objects(LABEL), 2);
    assert_eq!(objects("plexsphere:trial"), 0);
    others::destroy(LABEL);
    let key = stage.generate("k1").unwrap();
    stage.sign(&key).unwrap();
}

#[test]
fn a_pair_that_was_imported_is_not_adopted() {
    in_a_process_of_its_own(|stage| {
        others::import(LABEL);
        is_refused(stage);
    });
}

#[test]
fn a_pair_that_could_once_leave_the_token_is_not_adopted() {
    in_a_process_of_its_own(|stage| {
        let (at_first, then) = (Attribute::Extractable(true), Attribute::Extractable(false));
        others::make_readable_at_first(LABEL, at_first, then);
        is_refused(stage);
    });
}

#[test]
fn a_pair_that_could_once_be_read_is_not_adopted() {
    in_a_process_of_its_own(|stage| {
        let (at_first, then) = (Attribute::Sensitive(false), Attribute::Sensitive(true));
        others::make_readable_at_first(LABEL, at_first, then);
        is_refused(stage);
    });
}

/// It may do more than a pair of the custodian's own, in the words of some modules; nobody has its
/// private half all the same.
#[test]
fn a_pair_that_another_made_in_the_token_is_adopted() {
    in_a_process_of_its_own(|stage| {
        for name in ["k1", "k2"] {
            others::make(&format!("plexsphere:platform:{name}"));
        }
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        let key = stage.locate("k2").unwrap().unwrap();
        stage.sign(&key).unwrap();
    });
}

#[test]
fn a_module_that_says_of_each_key_that_it_was_not_made_there_is_believed_of_none() {
    in_a_process_of_its_own(|stage| {
        stage.rules(
            "C_GetAttributeValue origin=denied\n\
             C_GenerateKeyPair at=1 after=CKR_DEVICE_ERROR",
        );
        let key = stage.generate("k1").unwrap();
        assert_eq!(stage.locate("k1").unwrap().as_ref(), Some(&key));
        stage.generate("k2").unwrap();
        stage.no_rules();
        stage.sign(&key).unwrap();
        assert_eq!(objects(LABEL), 2);
        assert_eq!(objects("plexsphere:trial"), 0);
    });
}

#[test]
fn a_module_that_does_not_say_where_a_key_comes_from_is_not_asked_for_more() {
    in_a_process_of_its_own(|stage| {
        stage.rules(
            "C_GetAttributeValue origin=withheld\n\
             C_GenerateKeyPair at=1 after=CKR_DEVICE_ERROR",
        );
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        assert_eq!(objects(LABEL), 2);
    });
}

/// It tells one token from another, and signs nothing that anybody relies on.
#[test]
fn a_sentinel_that_was_imported_is_taken() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        others::destroy(SENTINEL);
        others::import(SENTINEL);
        stage.without_memory();
        stage.check().unwrap();
        stage.sign(&key).unwrap();
        stage.generate("k2").unwrap();
    });
}
