//! What the custodian notices by itself: overdue rotations, missing keys, what a crash left behind.

use std::sync::Arc;
use std::time::Duration;

use signer_actors::CustodySettings;
use signer_domain::ports::{
    AuditOutcome, Custody as _, CustodyError, KeyProvider as _, KeyQuery, Presence,
    PublicKeySource, Purpose, Reservation, Reservations as _, Rotations as _,
};
use signer_domain::{DeploymentProfile, KeyId, Scope, SigningKey};
use signer_kit::testdouble::{Call, Failure, Operation, TestDouble};

use crate::house::{House, Plan, eventually, is_good, run, soon, wanted};

fn settings() -> CustodySettings {
    CustodySettings::new(DeploymentProfile::SelfhostedSingle)
}

async fn presence(house: &House, key: &SigningKey) -> Presence {
    let shown = house.custody.key(key.handle_id.clone(), soon()).await;
    shown.unwrap().presence
}

fn shows_asked(house: &House) -> usize {
    let is_show = |call: &&Call| matches!(call, Call::PublicKey { .. });
    house.double.calls().iter().filter(is_show).count()
}

#[test]
fn a_rotation_that_is_overdue_is_a_warning_and_no_reason_to_stop() {
    run(async {
        let settings = CustodySettings {
            overlap_window: Duration::ZERO,
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        house.key("old").await;
        assert!(house.custody.readiness().await.warnings.is_empty());
        house.rotate_to("new").await;
        eventually(|| async { !house.custody.readiness().await.warnings.is_empty() }).await;
        let readiness = house.custody.readiness().await;
        assert!(readiness.is_ready());
        let [warning] = readiness.warnings.as_slice() else {
            panic!("{readiness:?}");
        };
        assert!(
            warning.starts_with("rotation of scope \"platform\" is overdue since 2")
                && warning.ends_with("Z: close it"),
            "{warning}"
        );
        assert_eq!(house.metric("rotations_open"), 1);
        assert_eq!(house.metric("rotations_overdue"), 1);
        house.close_rotation("old", "new").await.unwrap();
        eventually(|| async { house.custody.readiness().await.warnings.is_empty() }).await;
        assert_eq!(house.metric("rotations_open"), 0);
        assert_eq!(house.metric("rotations_overdue"), 0);
    });
}

#[test]
fn a_rotation_within_its_window_is_counted_and_no_warning() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        house.rotate_to("new").await;
        eventually(|| async { house.metric("rotations_open") == 1 }).await;
        assert_eq!(house.metric("rotations_overdue"), 0);
        assert!(house.custody.readiness().await.warnings.is_empty());
    });
}

#[test]
fn a_key_that_its_provider_does_not_know_is_reported_until_it_signs_again() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (lost, other) = (
            house.key("sign-missing-once").await,
            house.key("other").await,
        );
        assert_eq!(presence(&house, &lost).await, Presence::Assumed);
        let refused = house.sign(&lost).await;
        assert!(matches!(
            refused,
            Err(CustodyError::ProviderUnavailable { .. })
        ));
        assert_eq!(presence(&house, &lost).await, Presence::Missing);
        assert_eq!(presence(&house, &other).await, Presence::Assumed);
        assert_eq!(house.metric("keys_missing"), 1);
        let query = KeyQuery {
            scope: None,
            state: None,
            limit: 10.try_into().unwrap(),
            after: None,
        };
        let listed = house.custody.keys(query, soon()).await.unwrap().keys;
        let missing: Vec<_> = listed.iter().map(|shown| shown.presence).collect();
        assert_eq!(missing, [Presence::Missing, Presence::Assumed]);
        house.sign(&lost).await.unwrap();
        assert_eq!(presence(&house, &lost).await, Presence::Assumed);
        assert_eq!(house.metric("keys_missing"), 0);
    });
}

#[test]
fn a_key_that_was_destroyed_at_its_provider_is_retired_to_callers_and_reported_as_missing() {
    run(async {
        let settings = CustodySettings {
            sweep_interval: Duration::from_millis(20),
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let (lost, other) = (
            house.key("sign-retired-once").await,
            house.key("other").await,
        );
        assert_eq!(house.sign(&lost).await, Err(CustodyError::KeyRetired));
        // Its public half is shown all the same, to the look for missing keys and to callers.
        let asked = shows_asked(&house);
        eventually(|| async { shows_asked(&house) >= asked + 4 }).await;
        let read = house.custody.public_key(lost.handle_id.clone(), soon());
        assert_eq!(read.await.unwrap().source, PublicKeySource::Provider);
        assert_eq!(house.record(&lost.handle_id).await.state, lost.state);
        assert_eq!(presence(&house, &lost).await, Presence::Missing);
        assert_eq!(presence(&house, &other).await, Presence::Assumed);
        assert_eq!(house.metric("keys_missing"), 1);
        house.sign(&lost).await.unwrap();
        assert_eq!(presence(&house, &lost).await, Presence::Assumed);
        assert_eq!(house.metric("keys_missing"), 0);
    });
}

#[test]
fn a_key_that_is_retired_while_it_signs_is_not_missed() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("sign-slow-1500ms").await;
        house.rotate_to("new").await;
        let sign = house.start_sign(&old);
        eventually(|| async { house.signs_asked(&old) == 1 }).await;
        // The end of a rotation does not wait for that long, so the provider retires the key meanwhile.
        house
            .close_rotation("sign-slow-1500ms", "new")
            .await
            .unwrap();
        eventually(|| async { house.retires_asked(&old.handle_id) == 1 }).await;
        assert!(!sign.is_finished());
        assert_eq!(sign.await.unwrap(), Err(CustodyError::KeyRetired));
        assert_eq!(house.metric("keys_missing"), 0);
    });
}

#[test]
fn keys_that_are_retired_under_load_are_not_missed() {
    run(async {
        let house = House::open(Plan::default()).await;
        for number in 0..20 {
            let key = house.key(&format!("k{number}")).await;
            let signs: Vec<_> = (0..20).map(|_| house.start_sign(&key)).collect();
            house.retire(&key).await.unwrap();
            for sign in signs {
                if let Err(error) = sign.await.unwrap() {
                    assert_eq!(error, CustodyError::KeyRetired);
                }
            }
            assert_eq!(house.metric("keys_missing"), 0);
        }
    });
}

#[test]
fn a_public_key_that_the_provider_does_not_show_is_reported_and_served_from_the_registry() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        house
            .double
            .inject_failure(Operation::PublicKey, Failure::KeyNotFound);
        let read = || house.custody.public_key(key.handle_id.clone(), soon());
        assert_eq!(read().await.unwrap().source, PublicKeySource::Registry);
        assert_eq!(presence(&house, &key).await, Presence::Missing);
        house.double.clear_failures();
        assert_eq!(read().await.unwrap().source, PublicKeySource::Provider);
        assert_eq!(presence(&house, &key).await, Presence::Assumed);
    });
}

#[test]
fn missing_keys_are_noticed_without_anybody_asking_for_them_and_so_is_their_return() {
    run(async {
        let settings = CustodySettings {
            sweep_interval: Duration::from_millis(20),
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let retired = house.key("retired").await;
        house.retire(&retired).await.unwrap();
        house.key("first").await;
        house.rotate_to("second").await;
        house
            .double
            .inject_failure(Operation::PublicKey, Failure::KeyNotFound);
        eventually(|| async { house.metric("keys_missing") == 2 }).await;
        assert_eq!(presence(&house, &retired).await, Presence::Assumed);
        house
            .double
            .inject_failure(Operation::PublicKey, Failure::Misconfigured);
        let asked = shows_asked(&house);
        eventually(|| async { shows_asked(&house) >= asked + 4 }).await;
        assert_eq!(
            house.metric("keys_missing"),
            2,
            "a provider that cannot be asked says nothing about its keys"
        );
        house.double.clear_failures();
        eventually(|| async { house.metric("keys_missing") == 0 }).await;
    });
}

#[test]
fn a_key_whose_provider_shows_another_public_key_is_swapped_also_after_a_refused_sign() {
    run(async {
        let earlier = House::open(Plan::default()).await;
        let swapped = earlier.key("swapped").await;
        let double = TestDouble::new();
        let made = double.generate(&swapped.scope, &swapped.key_id, soon());
        assert_ne!(made.await.unwrap().public_key, swapped.public_key);
        let plan = Plan {
            double,
            ..Plan::default()
        };
        let house = House::open_over(plan, Arc::clone(&earlier.registry), None).await;
        eventually(|| async { house.metric("keys_swapped") == 1 }).await;
        assert_eq!(presence(&house, &swapped).await, Presence::Swapped);
        let readiness = house.custody.readiness().await;
        assert!(readiness.is_ready());
        assert_eq!(
            readiness.warnings,
            [
                "registered keys in whose place key provider \"testdouble\" shows another public key: \
                 1; \"keys list\" marks them as swapped"
            ]
        );
        let refused = house.sign(&swapped).await;
        assert_eq!(refused, Err(CustodyError::SignatureCheckFailed));
        assert_eq!(presence(&house, &swapped).await, Presence::Swapped);
        assert_eq!(house.metric("keys_swapped"), 1);
        let other = house.key("other").await;
        assert!(is_good(&house.sign(&other).await.unwrap(), &other));
    });
}

/// A back end that brought a retired key back, or never made it unusable, whoever asked it to.
#[test]
fn a_retired_key_that_may_still_be_usable_is_told_and_asked_for_until_the_provider_confirms() {
    run(async {
        let settings = CustodySettings {
            sweep_interval: Duration::from_millis(20),
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let (doubtful, other) = (house.key("k1").await, house.key("k2").await);
        for key in [&doubtful, &other] {
            house.retire(key).await.unwrap();
        }
        let asked = house.retires_asked(&other.handle_id);
        eventually(|| async { house.retires_asked(&other.handle_id) >= asked + 2 }).await;
        assert_eq!(house.metric("retirements_unconfirmed"), 0);
        house
            .double
            .inject_failure(Operation::Retire, Failure::Misconfigured);
        eventually(|| async { house.metric("retirements_unconfirmed") == 2 }).await;
        let told = house.custody.readiness().await.warnings;
        assert!(told[0].starts_with("retired keys that key provider \"testdouble\""));
        assert!(house.record(&doubtful.handle_id).await.marks.unconfirmed);
        house.double.clear_failures();
        for key in [&doubtful, &other] {
            eventually(|| async { !house.record(&key.handle_id).await.marks.unconfirmed }).await;
        }
        assert_eq!(house.notes.taken().len(), 2, "each is a repair");
    });
}

#[test]
fn a_missing_key_that_is_retired_is_missed_no_more() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (first, second) = (
            house.key("sign-missing-1").await,
            house.key("sign-missing-2").await,
        );
        for key in [&first, &second] {
            house.sign(key).await.unwrap_err();
        }
        assert_eq!(house.metric("keys_missing"), 2);
        house.retire(&second).await.unwrap();
        house.rotate_to("new").await;
        house.close_rotation("sign-missing-1", "new").await.unwrap();
        assert_eq!(house.metric("keys_missing"), 0);
        for key in [&first, &second] {
            assert_eq!(presence(&house, key).await, Presence::Assumed);
        }
    });
}

/// A registry in which a crash left a rotation of the key `old` to the key `new` reserved.
async fn crashed(house: &House) -> KeyId {
    let new = KeyId::parse("new").unwrap();
    let wanted = wanted(&new, Purpose::Rotate);
    let reserved = house.registry.reserve(&wanted).await;
    assert!(matches!(reserved, Ok(Reservation::Reserved(_))));
    new
}

#[test]
fn start_up_opens_the_rotation_whose_key_was_made_before_the_crash() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        let new = crashed(&house).await;
        let pair = house.double.generate(&Scope::Platform, &new, soon()).await;
        let pair = pair.unwrap();
        let next = house.restarted().await;
        let rotation = next.custody.rotation(Scope::Platform, soon()).await;
        assert_eq!(rotation.unwrap().new_handle_id, pair.handle_id);
        let key = next.record(&pair.handle_id).await;
        assert_eq!(key.public_key, pair.public_key);
        assert!(is_good(&next.sign_for_scope().await.unwrap(), &key));
        assert_eq!(next.metric("repairs_total"), 1);
        let notes = next.notes.taken();
        let [entry] = notes.as_slice() else {
            panic!("{notes:?}");
        };
        assert_eq!((entry.op, entry.outcome), ("repair", AuditOutcome::Ok));
        assert_eq!(entry.key.handle_id, Some(pair.handle_id));
        assert_eq!(entry.key.scope, Some(Scope::Platform));
    });
}

#[test]
fn start_up_drops_the_rotation_whose_key_was_never_made() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        crashed(&house).await;
        let refused = house.generate("other").await;
        assert_eq!(refused, Err(CustodyError::RotationInProgress));
        let next = house.restarted().await;
        let rotation = next.custody.rotation(Scope::Platform, soon()).await;
        assert_eq!(rotation, Err(CustodyError::RotationNotFound));
        assert!(next.registry.pending().await.unwrap().is_empty());
        assert!(is_good(&next.sign_for_scope().await.unwrap(), &old));
        next.key("other").await;
        let notes = next.notes.taken();
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].key.handle_id, None);
        assert_eq!(notes[0].key.key_id.as_ref().unwrap().as_str(), "new");
    });
}

#[test]
fn an_open_rotation_goes_on_after_a_restart() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        let new = house.rotate_to("new").await;
        let next = house.restarted().await;
        assert!(is_good(&next.sign_for_scope().await.unwrap(), &new));
        assert!(is_good(&next.sign(&old).await.unwrap(), &old));
        next.close_rotation("old", "new").await.unwrap();
        assert_eq!(next.sign(&old).await, Err(CustodyError::KeyRetired));
    });
}

#[test]
fn a_provider_that_is_down_is_named_with_its_cause_until_it_is_back() {
    run(async {
        let settings = CustodySettings {
            check_interval: Duration::from_millis(50),
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        house
            .double
            .inject_failure(Operation::Check, Failure::Misconfigured);
        eventually(|| async { !house.custody.readiness().await.warnings.is_empty() }).await;
        let readiness = house.custody.readiness().await;
        assert!(!readiness.is_ready());
        let [warning] = readiness.warnings.as_slice() else {
            panic!("{readiness:?}");
        };
        assert!(
            warning.starts_with(
                "key provider \"testdouble\" is down: key provider misconfigured: failed while "
            ),
            "{warning}"
        );
        house.double.clear_failure(Operation::Check);
        eventually(|| async { house.custody.readiness().await.is_ready() }).await;
        assert!(house.custody.readiness().await.warnings.is_empty());
    });
}
