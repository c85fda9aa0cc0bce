//! Retirements that were begun: the next start finishes them, unless the provider did nothing.

use std::sync::Arc;
use std::time::Duration;

use signer_adapters::providers::testdouble::{Failure, Operation};
use signer_domain::ports::{
    Custody as _, CustodyError, KeyProvider as _, KeyRegistry as _, SignRequest, SignTarget,
};
use signer_domain::{Deadline, KeyState, ProviderName, SigningKey};

use crate::house::{House, Plan, digest, eventually, is_good, run, soon};

async fn begun(house: &House) -> Vec<SigningKey> {
    house.registry.begun_retirements().await.unwrap()
}

/// Makes sure that the key is retired everywhere, and that its retirement was noted as a repair.
async fn is_finished(house: &House, key: &SigningKey) {
    assert_eq!(house.record(&key.handle_id).await.state, KeyState::Retired);
    assert_eq!(house.sign(key).await, Err(CustodyError::KeyRetired));
    assert_eq!(begun(house).await, []);
    let digest = digest();
    let at_provider = house.double.sign(&key.handle_id, &digest, soon());
    at_provider.await.unwrap_err();
    assert_eq!(house.metric("repairs_total"), 1);
    let notes = house.notes.taken();
    assert_eq!(notes.len(), 1, "{notes:?}");
    let note = notes.first().unwrap();
    assert_eq!((note.op, note.http_status), ("repair", 200));
    assert_eq!(note.key.handle_id.as_ref(), Some(&key.handle_id));
    assert_eq!(note.key.key_id.as_ref(), Some(&key.key_id));
}

#[test]
fn a_death_before_the_provider_was_told_is_finished_by_the_next_start() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        house.registry.begin_retirement(&key).await.unwrap();
        let next = house.restarted().await;
        is_finished(&next, &key).await;
        assert_eq!(next.retires_asked(&key.handle_id), 1);
        assert_eq!(next.sign_for_scope().await, Err(CustodyError::KeyRetired));
    });
}

#[test]
fn a_death_after_the_provider_was_told_is_finished_by_the_next_start() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (key, other) = (house.key("k1").await, house.key("k2").await);
        house.registry.begin_retirement(&key).await.unwrap();
        let told = house.double.retire(&key.handle_id, soon()).await;
        told.unwrap();
        let next = house.restarted().await;
        is_finished(&next, &key).await;
        assert!(is_good(&next.sign(&other).await.unwrap(), &other));
    });
}

#[test]
fn a_provider_that_was_built_anew_finishes_what_was_begun() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        house.sign(&key).await.unwrap();
        house.sign_for_scope().await.unwrap();
        house.registry.begin_retirement(&key).await.unwrap();
        house.take_provider_down().await;
        house.bring_provider_back().await;
        is_finished(&house, &key).await;
        assert_eq!(house.sign_for_scope().await, Err(CustodyError::KeyRetired));
    });
}

#[test]
fn a_start_finishes_the_retirement_of_the_old_key_of_an_open_rotation() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.registry.begin_retirement(&old).await.unwrap();
        let new = house.rotate_to("new").await;
        let next = house.restarted().await;
        is_finished(&next, &old).await;
        assert!(is_good(&next.sign_for_scope().await.unwrap(), &new));
        next.close_rotation("old", "new").await.unwrap();
    });
}

#[test]
fn what_the_provider_certainly_refused_is_not_finished_by_the_next_start() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("retire-unavailable-once").await;
        let refused = house.retire(&key).await;
        assert!(matches!(
            refused,
            Err(CustodyError::ProviderUnavailable {
                outcome_unknown: false,
                ..
            })
        ));
        assert_eq!(begun(&house).await, []);
        let next = house.restarted().await;
        assert!(is_good(&next.sign(&key).await.unwrap(), &key));
        assert_eq!(next.retires_asked(&key.handle_id), 1);
        assert_eq!(next.metric("repairs_total"), 0);
    });
}

#[test]
fn a_retirement_whose_outcome_nobody_knows_is_finished_by_the_next_start() {
    for script in [
        "retire-lost-once",
        "retire-panics-once",
        "retire-hangs-once",
    ] {
        run(async {
            let house = House::open(Plan::default()).await;
            let key = house.key(script).await;
            let deadline = Deadline::after(Duration::from_millis(200));
            let failed = house.custody.retire(key.handle_id.clone(), deadline).await;
            failed.unwrap_err();
            assert_eq!(begun(&house).await, std::slice::from_ref(&key), "{script}");
            let next = house.restarted().await;
            is_finished(&next, &key).await;
        });
    }
}

/// The second try fails for certain, but the first one may have made the key unusable.
#[test]
fn a_refusal_does_not_cancel_what_an_earlier_call_has_begun() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("retire-lost-once").await;
        house.retire(&key).await.unwrap_err();
        house
            .double
            .inject_failures(Operation::Retire, Failure::Misconfigured, 1);
        house.retire(&key).await.unwrap_err();
        assert_eq!(begun(&house).await, std::slice::from_ref(&key));
        let next = house.restarted().await;
        is_finished(&next, &key).await;
    });
}

#[test]
fn a_begun_retirement_that_cannot_be_finished_keeps_nothing_from_being_served() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (stuck, other) = (house.key("k1").await, house.key("k2").await);
        house.registry.begin_retirement(&stuck).await.unwrap();
        house
            .double
            .inject_failures(Operation::Retire, Failure::Misconfigured, 1);
        let next = house.restarted().await;
        for key in [&stuck, &other] {
            assert!(is_good(&next.sign(key).await.unwrap(), key));
        }
        assert_eq!(begun(&next).await, std::slice::from_ref(&stuck));
        assert!(next.notes.taken().is_empty());
        let retired = next.retire(&stuck).await.unwrap();
        assert_eq!(retired.state, KeyState::Retired);
        assert_eq!(begun(&next).await, []);
    });
}

#[test]
fn a_finished_retirement_that_is_not_on_record_lets_nobody_sign_and_gets_there_by_itself() {
    run(async {
        let house = House::open(Plan::default()).await;
        // The provider would sign all the same.
        let key = house.key("retire-missing").await;
        house.registry.begin_retirement(&key).await.unwrap();
        house.take_provider_down().await;
        house.refuse_retirements(1);
        house.bring_provider_back().await;
        assert_eq!(house.record(&key.handle_id).await.state, KeyState::Active);
        house.sign(&key).await.unwrap_err();
        eventually(|| async { house.sign(&key).await == Err(CustodyError::KeyRetired) }).await;
        assert_eq!(house.signs_asked(&key), 0);
        assert_eq!(house.retires_asked(&key.handle_id), 1);
        assert_eq!(begun(&house).await, []);
    });
}

#[test]
fn a_batch_releases_nothing_by_a_key_whose_retirement_was_finished_meanwhile() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (quick, slow) = (
            house.key("quick").await,
            house.key("sign-slow-2000ms").await,
        );
        let by = |key: &SigningKey| SignRequest {
            target: SignTarget::Handle(key.handle_id.clone()),
            digest: digest(),
        };
        let requests = vec![by(&quick), by(&slow)];
        let custody = Arc::clone(&house.custody);
        let batch = actix_rt::spawn(async move { custody.sign_batch(requests, soon()).await });
        eventually(|| async { house.signs_asked(&quick) == 1 && house.signs_asked(&slow) == 1 })
            .await;
        house.registry.begin_retirement(&quick).await.unwrap();
        assert!(house.custody.crash_provider(ProviderName::Testdouble).await);
        eventually(|| async { begun(&house).await.is_empty() }).await;
        assert!(!batch.is_finished(), "the batch was to be still waiting");
        let results = batch.await.unwrap().unwrap();
        assert_eq!(results[0], Err(CustodyError::KeyRetired));
        assert!(is_good(results[1].as_ref().unwrap(), &slow));
    });
}

#[test]
fn a_retirement_under_way_and_a_provider_built_anew_do_not_get_in_each_others_way() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("retire-slow-300ms").await;
        let (custody, handle) = (Arc::clone(&house.custody), key.handle_id.clone());
        let retirement = actix_rt::spawn(async move { custody.retire(handle, soon()).await });
        eventually(|| async { house.retires_asked(&key.handle_id) == 1 }).await;
        assert!(house.custody.crash_provider(ProviderName::Testdouble).await);
        drop(retirement.await.unwrap());
        house.wait_until_ready().await;
        eventually(|| async { begun(&house).await.is_empty() }).await;
        assert_eq!(house.record(&key.handle_id).await.state, KeyState::Retired);
        assert_eq!(house.sign(&key).await, Err(CustodyError::KeyRetired));
    });
}

#[test]
fn the_new_key_of_an_open_rotation_is_refused_before_its_provider_hears_of_it() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        let new = house.rotate_to("new").await;
        let refused = house.retire(&new).await;
        assert_eq!(refused, Err(CustodyError::RotationInProgress));
        assert_eq!(house.retires_asked(&new.handle_id), 0);
        assert_eq!(begun(&house).await, []);
        assert!(is_good(&house.sign(&new).await.unwrap(), &new));
    });
}
