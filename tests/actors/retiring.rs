//! Retiring: a barrier, idempotent, final.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signer_actors::CustodySettings;
use signer_domain::ports::{Custody as _, CustodyError, PublicKeySource, SignRequest, SignTarget};
use signer_domain::{DeploymentProfile, KeyState, SigningKey};
use signer_kit::testdouble::{Call, Failure, Operation};

use crate::house::{House, Plan, digest, eventually, is_good, run, soon};

fn retires_asked(house: &House) -> usize {
    let calls = house.double.calls();
    calls
        .iter()
        .filter(|call| matches!(call, Call::Retire { .. }))
        .count()
}

#[test]
fn a_retired_key_signs_no_more_and_its_public_key_is_still_served() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let retired = house.retire(&key).await.unwrap();
        assert_eq!((retired.state, retired.current), (KeyState::Retired, false));
        assert!(retired.valid_until.is_some());
        assert_eq!(house.sign(&key).await, Err(CustodyError::KeyRetired));
        assert_eq!(house.generate("k1").await, Err(CustodyError::KeyRetired));
        let published = house
            .custody
            .public_key(key.handle_id.clone(), soon())
            .await
            .unwrap();
        assert_eq!(published.public_key, key.public_key);
    });
}

#[test]
fn retiring_again_yields_the_same_record_and_asks_the_provider_no_more() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let first = house.retire(&key).await.unwrap();
        assert_eq!(house.retire(&key).await.unwrap(), first);
        let many: Vec<_> = (0..16)
            .map(|_| {
                let custody = Arc::clone(&house.custody);
                let handle = key.handle_id.clone();
                actix_rt::spawn(async move { custody.retire(handle, soon()).await })
            })
            .collect();
        for retire in many {
            assert_eq!(retire.await.unwrap().unwrap(), first);
        }
        assert_eq!(retires_asked(&house), 1);
    });
}

#[test]
fn no_signature_is_released_after_the_retirement_was_acknowledged() {
    run(async {
        let house = House::open(Plan::default()).await;
        for round in 0..20 {
            let key = house.key(&format!("sign-slow-1ms-{round}")).await;
            let acknowledged = Arc::new(AtomicBool::new(false));
            let signs: Vec<_> = (0..64)
                .map(|_| {
                    let custody = Arc::clone(&house.custody);
                    let acknowledged = Arc::clone(&acknowledged);
                    let target = SignTarget::Handle(key.handle_id.clone());
                    let key = key.clone();
                    actix_rt::spawn(async move {
                        let request = SignRequest {
                            target,
                            digest: digest(),
                        };
                        let signed = custody.sign(request, soon()).await;
                        let late = acknowledged.load(Ordering::SeqCst);
                        match signed {
                            Ok(signed) => assert!(is_good(&signed, &key) && !late),
                            Err(error) => assert_eq!(error, CustodyError::KeyRetired),
                        }
                    })
                })
                .collect();
            eventually(|| async { house.signs_asked(&key) >= 1 }).await;
            house.retire(&key).await.unwrap();
            acknowledged.store(true, Ordering::SeqCst);
            for sign in signs {
                sign.await.unwrap();
            }
        }
    });
}

#[test]
fn a_retirement_waits_for_signs_under_way_even_when_the_keys_actor_died_meanwhile() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("sign-slow-300ms").await;
        let under_way = house.start_sign(&key);
        eventually(|| async { house.signs_asked(&key) == 1 }).await;
        house.crash_key(&key).await;
        house.retire(&key).await.unwrap();
        assert!(under_way.is_finished(), "the retirement overtook a sign");
        assert!(is_good(&under_way.await.unwrap().unwrap(), &key));
    });
}

#[test]
fn a_retirement_that_the_provider_refuses_leaves_the_key_blocked_until_the_provider_has_done_it() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        house.sign(&key).await.unwrap();
        house
            .double
            .inject_failure(Operation::Retire, Failure::Misconfigured);
        let refused = house.retire(&key).await;
        assert!(matches!(
            refused,
            Err(CustodyError::ProviderUnavailable { .. })
        ));
        let record = house.record(&key.handle_id).await;
        assert_eq!(
            (record.state, record.marks.blocked),
            (KeyState::Active, true)
        );
        let asked = house.signs_asked(&key);
        assert_eq!(house.sign(&key).await, Err(CustodyError::KeyBlocked));
        assert_eq!(house.sign_for_scope().await, Err(CustodyError::KeyBlocked));
        assert_eq!(house.signs_asked(&key), asked);
        let unblocked = house.custody.unblock(key.handle_id.clone(), soon()).await;
        assert_eq!(
            unblocked,
            Err(CustodyError::KeyBlocked),
            "it is being retired"
        );
        house.double.clear_failures();
        eventually(|| async { house.record(&key.handle_id).await.state == KeyState::Retired })
            .await;
        assert_eq!(house.sign(&key).await, Err(CustodyError::KeyRetired));
        assert_eq!(house.retire(&key).await.unwrap().state, KeyState::Retired);
    });
}

#[test]
fn a_lost_answer_of_the_provider_is_cured_by_retiring_again() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("retire-lost-once").await;
        let lost = house.retire(&key).await;
        assert!(matches!(
            lost,
            Err(CustodyError::ProviderUnavailable {
                outcome_unknown: true,
                ..
            })
        ));
        let refused = house.sign(&key).await;
        assert!(matches!(
            refused,
            Err(CustodyError::KeyBlocked | CustodyError::KeyRetired)
        ));
        assert_eq!(house.retire(&key).await.unwrap().state, KeyState::Retired);
    });
}

#[test]
fn a_key_that_the_provider_never_held_is_retired_by_the_registrys_word() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("retire-missing").await;
        assert_eq!(house.retire(&key).await.unwrap().state, KeyState::Retired);
        assert_eq!(house.record(&key.handle_id).await.state, KeyState::Retired);
    });
}

#[test]
fn a_provider_that_panics_or_hangs_while_retiring_fails_that_call_only() {
    run(async {
        let house = House::open(Plan::default()).await;
        let panics = house.key("retire-panics-once").await;
        let other = house.key("other").await;
        assert_eq!(house.retire(&panics).await, Err(CustodyError::Internal));
        house.sign(&other).await.unwrap();
        house.retire(&panics).await.unwrap();
        let hangs = house.key("retire-hangs").await;
        let soon = signer_domain::Deadline::after(Duration::from_millis(100));
        let refused = house.custody.retire(hangs.handle_id.clone(), soon).await;
        assert!(matches!(
            refused,
            Err(CustodyError::ProviderUnavailable { .. } | CustodyError::DeadlineExceeded)
        ));
        house.sign(&other).await.unwrap();
    });
}

#[test]
fn the_public_key_comes_from_the_registry_when_the_provider_cannot_be_asked() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let read = || house.custody.public_key(key.handle_id.clone(), soon());
        assert_eq!(read().await.unwrap().source, PublicKeySource::Provider);
        house
            .double
            .inject_failures(Operation::PublicKey, Failure::Panic, 1);
        let published = read().await.unwrap();
        assert_eq!(published.source, PublicKeySource::Registry);
        assert_eq!(published.public_key, key.public_key);
    });
}

#[test]
fn a_batch_drops_the_signatures_of_a_key_that_was_retired_while_it_waited_for_another() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (quick, slow) = (house.key("quick").await, house.key("sign-slow-500ms").await);
        let by = |key: &SigningKey| SignRequest {
            target: SignTarget::Handle(key.handle_id.clone()),
            digest: digest(),
        };
        let requests = vec![by(&quick), by(&slow)];
        let custody = Arc::clone(&house.custody);
        let batch = actix_rt::spawn(async move { custody.sign_batch(requests, soon()).await });
        eventually(|| async { house.signs_asked(&quick) == 1 && house.signs_asked(&slow) == 1 })
            .await;
        house.retire(&quick).await.unwrap();
        assert!(!batch.is_finished(), "the batch was to be still waiting");
        let results = batch.await.unwrap().unwrap();
        assert_eq!(results[0], Err(CustodyError::KeyRetired));
        assert!(is_good(results[1].as_ref().unwrap(), &slow));
    });
}

#[test]
fn a_flood_of_signs_does_not_keep_a_retirement_out() {
    run(async {
        let settings = CustodySettings {
            queue_per_key: 4,
            ..CustodySettings::new(DeploymentProfile::SelfhostedSingle)
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let key = house.key("sign-slow-20ms").await;
        let flood: Vec<_> = (0..40).map(|_| house.start_sign(&key)).collect();
        eventually(|| async { house.signs_asked(&key) >= 1 }).await;
        assert_eq!(house.retire(&key).await.unwrap().state, KeyState::Retired);
        for sign in flood {
            drop(sign.await.unwrap());
        }
    });
}

#[test]
fn a_retirement_whose_record_got_lost_lets_nobody_sign_and_is_finished_by_itself() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("retire-missing").await;
        house.sign(&key).await.unwrap();
        house.forget_retirements(1);
        let lost = house.retire(&key).await;
        assert!(matches!(
            lost,
            Err(CustodyError::RegistryUnavailable { .. })
        ));
        let refused = house.sign(&key).await;
        assert!(
            matches!(refused, Err(CustodyError::RegistryUnavailable { .. })),
            "{refused:?}"
        );
        house.crash_key(&key).await;
        // The mark outlives the actor.
        let refused = house.sign(&key).await;
        assert!(matches!(
            refused,
            Err(CustodyError::RegistryUnavailable { .. } | CustodyError::KeyRetired)
        ));
        eventually(|| async { house.sign(&key).await == Err(CustodyError::KeyRetired) }).await;
        assert_eq!(house.record(&key.handle_id).await.state, KeyState::Retired);
    });
}

#[test]
fn a_retirement_is_acknowledged_only_after_what_was_signed_before_has_left() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let target = SignTarget::Handle(key.handle_id.clone());
        let request = SignRequest {
            target,
            digest: digest(),
        };
        let single = house.custody.sign(request.clone(), soon()).await.unwrap();
        let batch = house.custody.sign_batch(vec![request], soon()).await;
        let custody = Arc::clone(&house.custody);
        let handle = key.handle_id.clone();
        let is_acknowledged = Arc::new(AtomicBool::new(false));
        let retirement = actix_rt::spawn({
            let is_acknowledged = Arc::clone(&is_acknowledged);
            async move {
                let retired = custody.retire(handle, soon()).await;
                is_acknowledged.store(true, Ordering::SeqCst);
                retired
            }
        });
        // The registry says so already, and nobody signs any more; but a signature is still on its way.
        eventually(|| async { house.record(&key.handle_id).await.state == KeyState::Retired })
            .await;
        assert_eq!(house.sign(&key).await, Err(CustodyError::KeyRetired));
        drop(single);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert!(!is_acknowledged.load(Ordering::SeqCst));
        drop(batch);
        assert_eq!(retirement.await.unwrap().unwrap().state, KeyState::Retired);
    });
}
