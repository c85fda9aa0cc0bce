//! Blocks and quarantines: nothing is released under one, both outlive the process, and only the operator
//! ends them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signer_domain::ports::{
    Custody as _, CustodyError, KeyProvider as _, OpenedOrStanding, SignRequest, SignTarget,
};
use signer_domain::{KeyState, SigningKey};
use signer_kit::testdouble::{Failure, Operation, TestDouble};

use crate::house::{House, Plan, digest, eventually, is_good, run, soon};

async fn block(house: &House, key: &SigningKey) -> Result<SigningKey, CustodyError> {
    let blocked = house.custody.block(key.handle_id.clone(), soon()).await;
    blocked.map(|shown| shown.key)
}

async fn unblock(house: &House, key: &SigningKey) -> Result<SigningKey, CustodyError> {
    let unblocked = house.custody.unblock(key.handle_id.clone(), soon()).await;
    unblocked.map(|shown| shown.key)
}

async fn release(house: &House, key: &SigningKey) -> Result<SigningKey, CustodyError> {
    let handle = key.handle_id.clone();
    let released = house.custody.release_quarantine(handle, soon()).await;
    released.map(|shown| shown.key)
}

async fn warnings(house: &House) -> Vec<String> {
    house.custody.readiness().await.warnings
}

#[test]
fn a_blocked_key_signs_no_more_until_it_is_unblocked_also_by_scope_and_after_a_restart() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (key, other) = (house.key("k1").await, house.key("k2").await);
        house.sign(&key).await.unwrap();
        for _ in 0..2 {
            assert!(block(&house, &key).await.unwrap().marks.blocked);
        }
        let asked = house.signs_asked(&key);
        assert_eq!(house.sign(&key).await, Err(CustodyError::KeyBlocked));
        assert_eq!(house.sign_for_scope().await, Err(CustodyError::KeyBlocked));
        assert_eq!(house.signs_asked(&key), asked);
        assert!(is_good(&house.sign(&other).await.unwrap(), &other));
        eventually(|| async { house.metric("keys_blocked") == 1 }).await;
        assert_eq!(house.metric("scopes_unable_to_sign"), 1);

        let next = house.restarted().await;
        assert_eq!(next.sign(&key).await, Err(CustodyError::KeyBlocked));
        for _ in 0..2 {
            assert!(!unblock(&next, &key).await.unwrap().marks.blocked);
        }
        assert!(is_good(&next.sign(&key).await.unwrap(), &key));
        eventually(|| async { next.metric("keys_blocked") == 0 }).await;
        eventually(|| async { warnings(&next).await.is_empty() }).await;
    });
}

#[test]
fn a_key_is_blocked_and_unblocked_while_its_provider_is_down() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (used, unused) = (house.key("k1").await, house.key("k2").await);
        house.sign(&used).await.unwrap();
        house.take_provider_down().await;
        for key in [&used, &unused] {
            block(&house, key).await.unwrap();
        }
        house.bring_provider_back().await;
        for key in [&used, &unused] {
            assert_eq!(house.sign(key).await, Err(CustodyError::KeyBlocked));
        }
        house.take_provider_down().await;
        for key in [&used, &unused] {
            unblock(&house, key).await.unwrap();
        }
        house.bring_provider_back().await;
        for key in [&used, &unused] {
            assert!(is_good(&house.sign(key).await.unwrap(), key));
        }
    });
}

#[test]
fn no_signature_is_released_after_the_block_was_acknowledged() {
    run(async {
        let house = House::open(Plan::default()).await;
        for round in 0..20 {
            let key = house.key(&format!("sign-slow-1ms-{round}")).await;
            let acknowledged = Arc::new(AtomicBool::new(false));
            let signs: Vec<_> = (0..64)
                .map(|number| {
                    let custody = Arc::clone(&house.custody);
                    let acknowledged = Arc::clone(&acknowledged);
                    let key = key.clone();
                    let request = SignRequest {
                        target: SignTarget::Handle(key.handle_id.clone()),
                        digest: digest(),
                    };
                    actix_rt::spawn(async move {
                        let signed = if number % 4 == 0 {
                            let batch = custody.sign_batch(vec![request], soon()).await;
                            batch.and_then(|mut results| results.remove(0))
                        } else {
                            custody.sign(request, soon()).await
                        };
                        let late = acknowledged.load(Ordering::SeqCst);
                        match signed {
                            Ok(signed) => assert!(is_good(&signed, &key) && !late),
                            Err(error) => assert_eq!(error, CustodyError::KeyBlocked),
                        }
                    })
                })
                .collect();
            eventually(|| async { house.signs_asked(&key) >= 1 }).await;
            block(&house, &key).await.unwrap();
            acknowledged.store(true, Ordering::SeqCst);
            for sign in signs {
                sign.await.unwrap();
            }
        }
    });
}

#[test]
fn a_block_waits_for_what_has_not_left_and_not_for_a_provider_that_hangs() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (key, hanging) = (house.key("k1").await, house.key("sign-hangs").await);
        let stuck = house.start_sign(&hanging);
        eventually(|| async { house.signs_asked(&hanging) == 1 }).await;
        block(&house, &hanging).await.unwrap();
        assert!(!stuck.is_finished());
        stuck.abort();

        let request = SignRequest {
            target: SignTarget::Handle(key.handle_id.clone()),
            digest: digest(),
        };
        let unreleased = house.custody.sign(request, soon()).await.unwrap();
        let (custody, handle) = (Arc::clone(&house.custody), key.handle_id.clone());
        let blocking = actix_rt::spawn(async move { custody.block(handle, soon()).await });
        eventually(|| async { house.record(&key.handle_id).await.marks.blocked }).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert!(!blocking.is_finished());
        drop(unreleased);
        blocking.await.unwrap().unwrap();
    });
}

#[test]
fn a_block_whose_answer_got_lost_is_made_sure_of_by_asking_again() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        house.sign(&key).await.unwrap();
        house.forget_retirements(1);
        let lost = block(&house, &key).await;
        assert!(matches!(
            lost,
            Err(CustodyError::RegistryUnavailable { .. })
        ));
        assert_eq!(house.sign(&key).await, Err(CustodyError::KeyBlocked));
        block(&house, &key).await.unwrap();
        house.forget_retirements(1);
        unblock(&house, &key).await.unwrap_err();
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
    });
}

#[test]
fn a_retired_or_unknown_key_is_neither_blocked_nor_released_and_a_blocked_one_can_be_retired() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        block(&house, &key).await.unwrap();
        let retired = house.retire(&key).await.unwrap();
        assert_eq!(
            (retired.state, retired.marks.blocked),
            (KeyState::Retired, false)
        );
        let mut unknown = key.clone();
        unknown.handle_id = "testdouble:platform|k9".parse().unwrap();
        for (key, error) in [
            (&key, CustodyError::KeyRetired),
            (&unknown, CustodyError::KeyNotFound),
        ] {
            assert_eq!(block(&house, key).await, Err(error.clone()));
            assert_eq!(unblock(&house, key).await, Err(error.clone()));
            assert_eq!(release(&house, key).await, Err(error));
        }
        eventually(|| async { house.metric("scopes_unable_to_sign") == 1 }).await;
        assert_eq!(
            warnings(&house).await,
            [
                "scopes without a current key that may sign: 1 (\"platform\"); generate a key there, or \
                 unblock or release the current one"
            ]
        );
        house.key("k2").await;
        eventually(|| async { house.metric("scopes_unable_to_sign") == 0 }).await;
    });
}

#[test]
fn one_wrong_signature_is_asked_for_once_more_and_quarantines_nothing() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("sign-wrong-once").await;
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
        assert!(!house.record(&key.handle_id).await.marks.quarantined);
        assert_eq!(house.metric("signature_check_failures_total"), 1);
    });
}

#[test]
fn a_provider_that_fails_in_the_second_try_says_nothing_against_the_key() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let (double, again) = (house.double.clone(), Failure::Misconfigured);
        double.inject_failures(Operation::Sign, Failure::WrongSignature, 1);
        let slow = Failure::Delay(std::time::Duration::from_millis(300));
        double.inject_failures(Operation::PublicKey, slow, 1);
        let sign = house.start_sign(&key);
        eventually(|| async { house.signs_asked(&key) == 1 }).await;
        double.inject_failures(Operation::Sign, again, 1);
        let refused = sign.await.unwrap();
        assert!(matches!(
            refused,
            Err(CustodyError::ProviderUnavailable { .. })
        ));
        double.clear_failures();
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
    });
}

#[test]
fn a_quarantine_outlives_the_process_is_told_and_ends_when_it_is_released() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        house
            .double
            .inject_failures(Operation::Sign, Failure::WrongSignature, 2);
        let refused = house.sign(&key).await;
        assert_eq!(refused, Err(CustodyError::SignatureCheckFailed));
        let record = house.record(&key.handle_id).await;
        assert!(record.marks.quarantined && record.current);
        let notes = house.notes.taken();
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].op, "quarantine");
        assert_eq!(notes[0].key.handle_id.as_ref(), Some(&key.handle_id));

        let next = house.restarted().await;
        let refused = next.sign(&key).await;
        assert_eq!(refused, Err(CustodyError::SignatureCheckFailed));
        eventually(|| async { next.metric("keys_quarantined") == 1 }).await;
        let told = warnings(&next).await;
        assert!(told[0].starts_with("quarantined keys of key provider \"testdouble\": 1;"));
        assert!(told[1].starts_with("scopes without a current key that may sign: 1"));
        let released = release(&next, &key).await.unwrap();
        assert!(!released.marks.quarantined);
        assert!(is_good(&next.sign(&key).await.unwrap(), &key));
        eventually(|| async { next.metric("keys_quarantined") == 0 }).await;
        eventually(|| async { warnings(&next).await.is_empty() }).await;
    });
}

#[test]
fn a_quarantine_that_the_registry_cannot_keep_yet_holds_and_gets_there_by_itself() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("sign-wrong").await;
        house.forget_retirements(1);
        let refused = house.sign(&key).await;
        assert_eq!(refused, Err(CustodyError::SignatureCheckFailed));
        let shown = house.custody.key(key.handle_id.clone(), soon()).await;
        assert!(shown.unwrap().key.marks.quarantined);
        eventually(|| async { house.notes.taken().len() == 1 }).await;
        assert!(house.record(&key.handle_id).await.marks.quarantined);
    });
}

#[test]
fn a_rotation_leads_to_a_key_that_was_generated_ahead() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (old, ahead) = (house.key("old").await, house.key("ahead").await);
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &old));
        let opened = house.open_rotation("ahead").await.unwrap();
        let OpenedOrStanding::Opened(rotation) = opened else {
            panic!("{opened:?}");
        };
        assert_eq!(rotation.new_handle_id, ahead.handle_id);
        let standing = house.open_rotation("ahead").await.unwrap();
        assert_eq!(standing, OpenedOrStanding::Standing(rotation));
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &ahead));
        assert!(is_good(&house.sign(&old).await.unwrap(), &old));
        assert_eq!(house.record(&old.handle_id).await.state, KeyState::Rotating);
        let refused = house.retire(&ahead).await;
        assert_eq!(refused, Err(CustodyError::RotationInProgress));
        house.close_rotation("old", "ahead").await.unwrap();
        assert_eq!(house.sign(&old).await, Err(CustodyError::KeyRetired));
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &ahead));
    });
}

#[test]
fn a_rotation_leads_to_no_key_that_cannot_sign() {
    run(async {
        let house = House::open(Plan::default()).await;
        let current = house.key("current").await;
        let (blocked, wrong) = (house.key("blocked").await, house.key("sign-wrong").await);
        let missing = house.key("sign-missing").await;
        block(&house, &blocked).await.unwrap();
        for key in [&wrong, &missing] {
            house.sign(key).await.unwrap_err();
        }
        let open = |key: &SigningKey| {
            let (house, name) = (&house, key.key_id.to_string());
            async move { house.open_rotation(&name).await }
        };
        assert_eq!(open(&blocked).await, Err(CustodyError::KeyBlocked));
        assert_eq!(open(&wrong).await, Err(CustodyError::SignatureCheckFailed));
        let refused = open(&missing).await;
        assert!(matches!(
            refused,
            Err(CustodyError::ProviderUnavailable { .. })
        ));
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &current));
    });
}

#[test]
fn a_pair_that_was_swapped_is_swapped_and_quarantined_and_neither_mark_goes_by_itself() {
    run(async {
        let earlier = House::open(Plan::default()).await;
        let swapped = earlier.key("swapped").await;
        let double = TestDouble::new();
        let made = double.generate(&swapped.scope, &swapped.key_id, soon());
        made.await.unwrap();
        let plan = Plan {
            double,
            ..Plan::default()
        };
        let house = House::open_over(plan, Arc::clone(&earlier.registry), None).await;
        for _ in 0..2 {
            let refused = house.sign(&swapped).await;
            assert_eq!(refused, Err(CustodyError::SignatureCheckFailed));
            assert_eq!(house.metric("keys_swapped"), 1);
        }
        eventually(|| async { house.metric("keys_quarantined") == 1 }).await;
        release(&house, &swapped).await.unwrap();
        assert_eq!(house.metric("keys_swapped"), 1, "the cause is still there");
    });
}
