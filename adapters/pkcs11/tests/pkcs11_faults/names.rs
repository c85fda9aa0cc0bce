//! A label that does not name exactly one pair: the registered public key tells which one is meant.

use cryptoki::object::ObjectClass;

use signer_domain::ports::KeyProviderError::Misconfigured;

use crate::stage::{Stage, assert_fails, eventually, in_a_process_of_its_own, objects, others};

/// What somebody else with the PIN may do to a label of ours.
const MEDDLINGS: [fn(&str); 5] = [
    others::make,
    others::import,
    |label| others::make_without(label, ObjectClass::PUBLIC_KEY),
    |label| others::make_without(label, ObjectClass::PRIVATE_KEY),
    others::destroy_first_public,
];

fn label(name: &str) -> String {
    format!("plexsphere:platform:{name}")
}

/// Every choice of them, in their order; one that leaves the label alone comes first.
fn choices() -> impl Iterator<Item = Vec<usize>> {
    (0..1_usize << MEDDLINGS.len()).map(|bits| {
        let chosen = (0..MEDDLINGS.len()).filter(|one| bits >> one & 1 == 1);
        // The public half that is destroyed is ours only as long as it is alone.
        chosen.rev().collect()
    })
}

#[test]
fn whatever_is_put_under_a_label_the_registered_key_signs_and_is_retired() {
    in_a_process_of_its_own(|stage| {
        for (number, choice) in choices().enumerate() {
            let name = format!("k{number}");
            let key = stage.generate(&name).unwrap();
            stage.the_registry_has(&key);
            for one in &choice {
                MEDDLINGS[*one](&label(&name));
            }
            stage.forgets(&key);
            assert_eq!(
                stage.public_key(&key).unwrap(),
                key.public_key,
                "{choice:?}"
            );
            stage.sign(&key).unwrap();
            assert!(others::signs_for(&label(&name), &key.public_key));
            stage.retire(&key).unwrap();
            assert!(
                !others::signs_for(&label(&name), &key.public_key),
                "{choice:?}"
            );
            assert!(stage.sign(&key).is_err(), "{choice:?}");
        }
    });
}

#[test]
fn a_pair_that_nobody_has_registered_is_not_guessed_at() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        others::make(&label("k1"));
        stage.without_memory();
        stage.check().unwrap();
        assert_fails!(stage.sign(&key), Misconfigured { .. }, "sign");
        assert_fails!(stage.retire(&key), Misconfigured { .. }, "retire");
        assert_eq!(objects(&label("k1")), 4);
    });
}

/// The one that is left is somebody else's.
#[test]
fn a_private_half_of_another_key_never_signs_for_the_registered_one() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.the_registry_has(&key);
        others::make(&label("k1"));
        others::destroy_private_of(&label("k1"), &key.public_key);
        stage.without_memory();
        stage.check().unwrap();
        stage.sign(&key).unwrap_err();
        stage.retire(&key).unwrap();
        assert_eq!(
            objects(&label("k1")),
            3,
            "nothing of another key is destroyed"
        );
    });
}

/// A check follows the one before it not at once: a token may be slow to list its keys.
fn tells(stage: &Stage, expected: &[&str]) {
    eventually("what the label is like", || {
        stage.check().unwrap();
        let told = stage.warnings();
        told.len() == expected.len() && told.iter().zip(expected).all(|(one, so)| one.contains(so))
    });
}

#[test]
fn a_check_tells_of_labels_that_do_not_name_one_pair_until_they_do() {
    in_a_process_of_its_own(|stage| {
        for name in ["k1", "k2", "k3"] {
            stage.generate(name).unwrap();
        }
        stage.retire(&stage.generate("k3").unwrap()).unwrap();
        tells(stage, &[]);
        others::make(&label("k1"));
        others::destroy_first_public(&label("k2"));
        let doubled = "name more than one pair, of which the registered one signs: 1;";
        let halved = "whose public half is gone, for which the registered one serves: 1;";
        tells(stage, &[doubled, halved]);
        others::destroy(&label("k1"));
        tells(stage, &[halved]);
        others::destroy(&label("k2"));
        tells(stage, &[]);
    });
}
