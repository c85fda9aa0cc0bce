//! A retirement is answered only when it is proven: whatever the module says of a private half that it
//! was to destroy, and whatever it shows afterwards.

use signer_domain::ports::GeneratedKey;
use signer_domain::ports::KeyProviderError::{KeyRetired, ProviderUnavailable};

use crate::stage::{Outcome, Stage, assert_fails, in_a_process_of_its_own, objects};

/// One code for each way in which the adapter takes a refusal.
const CODES: [&str; 7] = [
    "CKR_GENERAL_ERROR",
    "CKR_DEVICE_ERROR",
    "CKR_FUNCTION_FAILED",
    "CKR_DEVICE_MEMORY",
    "CKR_OBJECT_HANDLE_INVALID",
    "CKR_TOKEN_WRITE_PROTECTED",
    "CKR_ACTION_PROHIBITED",
];

/// Each code at each call, and each effect at some calls.
fn cases() -> Vec<String> {
    let at_each = CODES.map(|code| format!("C_DestroyObject hide={code}"));
    let mut cases = at_each.to_vec();
    let mut codes = CODES.iter().cycle();
    for turn in ["", "at=1 ", "at=2 ", "every=2 "] {
        for (effect, code) in ["rv", "after", "hide"].iter().zip(&mut codes) {
            cases.push(format!("C_DestroyObject {turn}{effect}={code}"));
        }
    }
    cases.sort_unstable();
    cases.dedup();
    cases
}

/// How many objects are left of a pair whose private half is gone: the tombstone.
const TOMBSTONE: usize = 1;

fn label(name: &str) -> String {
    format!("plexsphere:platform:{name}")
}

/// What may be said of a key while nobody can tell whether its private half is gone.
fn is_in_doubt<T>(outcome: &Outcome<T>) -> bool {
    matches!(
        outcome,
        Err(ProviderUnavailable {
            outcome_unknown: true,
            ..
        })
    )
}

/// Nothing that is said of the key may contradict what the token holds.
fn is_honest(stage: &Stage, key: &GeneratedKey, name: &str, case: &str) {
    let outcome = stage.retire(key);
    let is_gone = objects(&label(name)) == TOMBSTONE;
    if is_gone {
        assert!(
            outcome.is_ok() || is_in_doubt(&outcome),
            "{case}: {outcome:?}"
        );
        return;
    }
    assert!(is_in_doubt(&outcome), "{case}: {outcome:?}");
    let signed = stage.sign(key);
    assert!(!matches!(signed, Err(KeyRetired)), "{case}: {signed:?}");
    let made = stage.generate(name);
    assert!(!matches!(made, Err(KeyRetired)), "{case}: {made:?}");
    let located = stage.locate(name);
    assert!(
        !matches!(located, Err(KeyRetired) | Ok(None)),
        "{case}: {located:?}"
    );
}

#[test]
fn whatever_a_module_says_of_a_destruction_no_key_is_called_retired_that_is_there() {
    in_a_process_of_its_own(|stage| {
        let other = stage.generate("other").unwrap();
        for (number, case) in cases().into_iter().enumerate() {
            let name = format!("k{number}");
            let key = stage.generate(&name).unwrap();
            stage.sign(&key).unwrap();
            stage.rules(&case);
            is_honest(stage, &key, &name, &case);
            is_honest(stage, &key, &name, &case);
            stage.no_rules();
            stage.retires_at_last(&key);
            assert_eq!(objects(&label(&name)), TOMBSTONE, "{case}");
            assert_fails!(stage.sign(&key), KeyRetired, "{case}");
            stage.retire(&key).unwrap();
        }
        stage.sign(&other).unwrap();
    });
}

/// A process that meets the token later does not know what an earlier one has tried.
#[test]
fn a_private_half_that_outlived_its_retirement_is_destroyed_by_the_next_one() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.rules("C_DestroyObject hide=CKR_GENERAL_ERROR");
        assert!(is_in_doubt(&stage.retire(&key)));
        stage.no_rules();
        stage.restart_the_module();
        stage.sign(&key).unwrap();
        stage.retire(&key).unwrap();
        assert_eq!(objects(&label("k1")), TOMBSTONE);
        stage.retire(&key).unwrap();
        assert_fails!(stage.sign(&key), KeyRetired, "sign");
    });
}

/// Each initialisation interrupts every session, so a key that cannot be destroyed must not cost one a
/// call.
#[test]
fn a_key_that_cannot_be_destroyed_does_not_keep_others_from_signing() {
    in_a_process_of_its_own(|stage| {
        let (key, other) = (stage.generate("k1").unwrap(), stage.generate("k2").unwrap());
        stage.rules("C_DestroyObject hide=CKR_GENERAL_ERROR");
        let before = stage.count("C_Initialize ");
        for _ in 0..40 {
            assert!(is_in_doubt(&stage.retire(&key)));
            stage.sign(&other).unwrap();
        }
        let initialised = stage.count("C_Initialize ") - before;
        assert!(initialised <= 20, "{initialised} times");
        stage.no_rules();
        stage.retires_at_last(&key);
    });
}

#[test]
fn a_signature_beside_a_destruction_that_is_slow_to_answer_waits_for_its_end() {
    in_a_process_of_its_own(|stage| {
        let key = stage.generate("k1").unwrap();
        stage.sign(&key).unwrap();
        let initialised = stage.count("C_Initialize ");
        stage.rules("C_DestroyObject late=100");
        std::thread::scope(|scope| {
            let stage = &*stage;
            scope.spawn(|| stage.retire(&key).unwrap());
            let refused = loop {
                if let Err(refused) = stage.sign(&key) {
                    break refused;
                }
            };
            assert!(matches!(refused, KeyRetired), "{refused:?}");
        });
        assert_eq!(stage.count("C_Initialize "), initialised);
    });
}
