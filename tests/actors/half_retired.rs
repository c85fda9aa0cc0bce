//! Retirements that were begun: the key is blocked, and they are finished as soon as that is possible.

use std::sync::Arc;
use std::time::Duration;

use signer_domain::ports::{
    Custody as _, CustodyError, KeyProvider as _, RetirementStage, Retirements as _, SignRequest,
    SignTarget,
};
use signer_domain::{Deadline, KeyState, SigningKey};
use signer_kit::testdouble::{Failure, Operation};

use crate::house::{House, Plan, digest, eventually, is_good, run, soon};

async fn begun(house: &House) -> Vec<SigningKey> {
    house
        .registry
        .unsettled_retirements(RetirementStage::Begun)
        .await
        .unwrap()
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
        house
            .registry
            .begin_retirement(&key.handle_id)
            .await
            .unwrap();
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
        house
            .registry
            .begin_retirement(&key.handle_id)
            .await
            .unwrap();
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
        house
            .registry
            .begin_retirement(&key.handle_id)
            .await
            .unwrap();
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
        house
            .registry
            .begin_retirement(&old.handle_id)
            .await
            .unwrap();
        let new = house.rotate_to("new").await;
        let next = house.restarted().await;
        is_finished(&next, &old).await;
        assert!(is_good(&next.sign_for_scope().await.unwrap(), &new));
        next.close_rotation("old", "new").await.unwrap();
    });
}

/// Whatever the first try met, and whether or not it may have had its effect.
#[test]
fn a_retirement_that_failed_is_finished_without_a_start() {
    for script in [
        "retire-unavailable-once",
        "retire-misconfigured-once",
        "retire-rotating-once",
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
            eventually(|| async { begun(&house).await.is_empty() }).await;
            eventually(|| async { house.notes.taken().len() == 1 }).await;
            is_finished(&house, &key).await;
        });
    }
}

#[test]
fn a_retirement_that_keeps_failing_is_finished_by_the_next_start() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        house
            .double
            .inject_failure(Operation::Retire, Failure::Misconfigured);
        house.retire(&key).await.unwrap_err();
        assert_eq!(begun(&house).await.len(), 1);
        house.take_provider_down().await;
        house.double.clear_failures();
        let next = house.restarted().await;
        is_finished(&next, &key).await;
    });
}

#[test]
fn a_key_is_blocked_by_its_retirement_also_while_its_provider_is_down() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (key, other) = (house.key("k1").await, house.key("k2").await);
        house.take_provider_down().await;
        let failed = house.retire(&key).await;
        assert!(matches!(
            failed,
            Err(CustodyError::ProviderUnavailable { .. })
        ));
        assert!(house.record(&key.handle_id).await.marks.blocked);
        house.bring_provider_back().await;
        is_finished(&house, &key).await;
        assert!(is_good(&house.sign(&other).await.unwrap(), &other));
        house.take_provider_down().await;
        assert_eq!(house.retire(&key).await.unwrap().state, KeyState::Retired);
    });
}

#[test]
fn a_begun_retirement_that_cannot_be_finished_keeps_nothing_from_being_served() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (stuck, other) = (house.key("k1").await, house.key("k2").await);
        let noted = house.registry.begin_retirement(&stuck.handle_id).await;
        let noted = noted.unwrap();
        house
            .double
            .inject_failure(Operation::Retire, Failure::Misconfigured);
        let next = house.restarted().await;
        assert_eq!(next.sign(&stuck).await, Err(CustodyError::KeyBlocked));
        assert!(is_good(&next.sign(&other).await.unwrap(), &other));
        assert_eq!(begun(&next).await, std::slice::from_ref(&noted));
        assert!(next.notes.taken().is_empty());
        next.double.clear_failures();
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
        house
            .registry
            .begin_retirement(&key.handle_id)
            .await
            .unwrap();
        house.take_provider_down().await;
        house.refuse_retirements(1000);
        house.bring_provider_back().await;
        assert_eq!(house.record(&key.handle_id).await.state, KeyState::Active);
        house.sign(&key).await.unwrap_err();
        house.refuse_retirements(0);
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
        house
            .registry
            .begin_retirement(&quick.handle_id)
            .await
            .unwrap();
        house.crash_provider().await;
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
        house.crash_provider().await;
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
