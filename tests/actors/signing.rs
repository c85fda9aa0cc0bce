//! Signing: who may, what is released, what is refused.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use signer_domain::ports::{
    Custody as _, CustodyError, GenerateKey, GeneratedOrStanding, SignRequest, SignTarget,
};
use signer_domain::{Deadline, DeploymentProfile, HandleId, KeyId, Scope, SigningKey};
use signer_kit::testdouble::{Failure, Operation, TestDouble};

use signer_actors::CustodySettings;

use crate::house::{House, Plan, digest, is_good, run, soon};

fn for_platform() -> SignRequest {
    SignRequest {
        target: SignTarget::Scope(Scope::Platform),
        digest: digest(),
    }
}

#[test]
fn a_key_signs_and_the_signature_verifies_under_it() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
    });
}

#[test]
fn a_handle_that_the_registry_does_not_know_is_not_found_and_no_provider_hears_of_it() {
    run(async {
        let house = House::open(Plan::default()).await;
        let unknown = HandleId::parse("testdouble:platform|nobody").unwrap();
        let unconfigured = HandleId::parse("software:platform|k1").unwrap();
        for handle in [unknown, unconfigured] {
            let refused = house.sign_by(&handle, soon()).await;
            assert_eq!(refused, Err(CustodyError::KeyNotFound));
        }
        assert!(house.double.calls().is_empty());
    });
}

#[test]
fn work_whose_deadline_has_passed_never_touches_the_key() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let late = house
            .sign_by(&key.handle_id, Deadline::after(Duration::ZERO))
            .await;
        assert_eq!(late, Err(CustodyError::DeadlineExceeded));
        assert_eq!(house.signs_asked(&key), 0);
    });
}

#[test]
fn a_deadline_that_passes_in_the_queue_never_touches_the_key() {
    run(async {
        let one = NonZeroUsize::new(1).unwrap();
        let double = TestDouble::with_max_in_flight(one);
        let house = House::open(Plan {
            double,
            ..Plan::default()
        })
        .await;
        let key = house.key("sign-slow-300ms").await;
        let first = house.start_sign(&key);
        actix_rt::task::yield_now().await;
        crate::house::eventually(|| async { house.signs_asked(&key) == 1 }).await;
        let soon = Deadline::after(Duration::from_millis(50));
        let second = house.sign_by(&key.handle_id, soon).await;
        assert_eq!(second, Err(CustodyError::DeadlineExceeded));
        first.await.unwrap().unwrap();
        assert_eq!(house.signs_asked(&key), 1);
    });
}

#[test]
fn a_signature_that_does_not_verify_is_never_released_and_quarantines_the_handle() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (bad, good) = (house.key("bad").await, house.key("good").await);
        house.sign(&bad).await.unwrap();
        house
            .double
            .inject_failures(Operation::Sign, Failure::WrongSignature, 2);
        assert_eq!(
            house.sign(&bad).await,
            Err(CustodyError::SignatureCheckFailed)
        );
        let asked = house.signs_asked(&bad);
        assert_eq!(
            house.sign(&bad).await,
            Err(CustodyError::SignatureCheckFailed)
        );
        assert_eq!(
            house.signs_asked(&bad),
            asked,
            "a quarantined key is not used again"
        );
        house.sign(&good).await.unwrap();
        assert_eq!(house.metric("signature_check_failures_total"), 2);
    });
}

#[test]
fn one_wrong_signature_is_asked_for_anew_and_shuts_no_key_away() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("sign-wrong-once").await;
        for _ in 0..2 {
            let signed = house.sign(&key).await.unwrap();
            assert!(is_good(&signed, &key));
        }
        assert_eq!(house.signs_asked(&key), 3);
        assert_eq!(
            house.double.forgotten(),
            std::slice::from_ref(&key.handle_id),
            "the second look is at the back end, not at what is remembered"
        );
        assert_eq!(house.metric("signature_check_failures_total"), 1);
    });
}

#[test]
fn a_provider_that_hangs_is_unavailable_at_the_deadline_and_the_outcome_is_unknown() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("sign-hangs").await;
        let soon = Deadline::after(Duration::from_millis(100));
        let refused = house.sign_by(&key.handle_id, soon).await;
        let Err(CustodyError::ProviderUnavailable {
            outcome_unknown, ..
        }) = refused
        else {
            panic!("{refused:?}");
        };
        assert!(outcome_unknown);
    });
}

#[test]
fn a_scope_signs_by_its_current_key_until_that_is_retired_and_again_after_the_next_generate() {
    run(async {
        let house = House::open(Plan::default()).await;
        let sign = || house.custody.sign(for_platform(), soon());
        assert_eq!(sign().await, Err(CustodyError::KeyNotFound));
        let (first, second) = (house.key("first").await, house.key("second").await);
        assert!((first.current, second.current) == (true, false));
        assert!(is_good(&sign().await.unwrap(), &first));
        house.retire(&first).await.unwrap();
        assert_eq!(sign().await, Err(CustodyError::KeyRetired));
        let third = house.key("third").await;
        assert!(third.current);
        assert!(is_good(&sign().await.unwrap(), &third));
    });
}

#[test]
fn a_batch_answers_in_order_each_item_on_its_own_merits() {
    run(async {
        let house = House::open(Plan::default()).await;
        let good = house.key("good").await;
        let broken = house.key("sign-unavailable").await;
        let panics = house.key("sign-panics").await;
        let unknown = HandleId::parse("testdouble:platform|nobody").unwrap();
        let by = |handle: &HandleId| SignRequest {
            target: SignTarget::Handle(handle.clone()),
            digest: digest(),
        };
        let mut requests = Vec::new();
        for _ in 0..50 {
            let handles = [
                &good.handle_id,
                &broken.handle_id,
                &unknown,
                &panics.handle_id,
            ];
            requests.extend(handles.map(by));
        }
        let results = house.custody.sign_batch(requests, soon()).await.unwrap();
        assert_eq!(results.len(), 200);
        for four in results.chunks(4) {
            assert!(is_good(four[0].as_ref().unwrap(), &good));
            assert!(matches!(
                four[1],
                Err(CustodyError::ProviderUnavailable { .. })
            ));
            assert_eq!(four[2], Err(CustodyError::KeyNotFound));
            assert_eq!(four[3], Err(CustodyError::Internal));
        }
    });
}

#[test]
fn a_batch_waits_where_a_single_request_would_be_turned_away() {
    run(async {
        let settings = CustodySettings {
            queue_per_key: 2,
            ..CustodySettings::new(DeploymentProfile::SelfhostedSingle)
        };
        let double = TestDouble::with_max_in_flight(NonZeroUsize::new(1).unwrap());
        let house = House::open(Plan {
            settings,
            double,
            ..Plan::default()
        })
        .await;
        let key = house.key("sign-slow-1ms").await;
        let target = SignTarget::Handle(key.handle_id.clone());
        let requests = vec![
            SignRequest {
                target,
                digest: digest()
            };
            100
        ];
        let results = house.custody.sign_batch(requests, soon()).await.unwrap();
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    });
}

#[test]
fn a_profile_without_platform_keys_refuses_them_with_the_reason() {
    run(async {
        let settings = CustodySettings::new(DeploymentProfile::Saas);
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let reason = "signing scope \"platform\" not permitted in profile \"saas\": \
                      SaaS deployments require per-Domain keys";
        assert_eq!(house.generate("k1").await.unwrap_err().to_string(), reason);
        let refused = house.custody.sign(for_platform(), soon()).await;
        assert_eq!(refused.unwrap_err().to_string(), reason);
        let scope = Scope::parse("domain:6f9619ff-8b86-d011-b42d-00cf4fc964ff").unwrap();
        let key_id = KeyId::parse("k1").unwrap();
        let request = GenerateKey {
            scope,
            key_id,
            provider: None,
        };
        let made = house.custody.generate(request, soon()).await;
        assert!(matches!(made, Ok(GeneratedOrStanding::Generated(_))));
    });
}

#[test]
fn a_platform_key_of_an_earlier_profile_signs_no_more_and_can_be_read_and_retired() {
    run(async {
        let earlier = House::open(Plan::default()).await;
        let key = earlier.key("k1").await;
        let plan = Plan {
            settings: CustodySettings::new(DeploymentProfile::Saas),
            double: earlier.double.clone(),
            ..Plan::default()
        };
        let house = House::open_over(plan, Arc::clone(&earlier.registry), None).await;
        let reason = "signing scope \"platform\" not permitted in profile \"saas\": \
                      SaaS deployments require per-Domain keys";
        let refused = house.sign(&key).await;
        assert_eq!(refused.unwrap_err().to_string(), reason);
        let by_handle = SignRequest {
            target: SignTarget::Handle(key.handle_id.clone()),
            digest: digest(),
        };
        let results = house.custody.sign_batch(vec![by_handle; 3], soon()).await;
        for refused in results.unwrap() {
            assert_eq!(refused.unwrap_err().to_string(), reason);
        }
        assert_eq!(house.signs_asked(&key), 0);
        let read = house
            .custody
            .public_key(key.handle_id.clone(), soon())
            .await;
        assert_eq!(read.unwrap().public_key, key.public_key);
        house.retire(&key).await.unwrap();
        assert_eq!(house.sign(&key).await, Err(CustodyError::KeyRetired));
    });
}

#[test]
fn a_key_that_hangs_takes_no_other_item_of_its_batch_along() {
    run(async {
        let house = House::open(Plan::default()).await;
        let (hangs, good) = (house.key("sign-hangs").await, house.key("good").await);
        let by = |key: &SigningKey| SignRequest {
            target: SignTarget::Handle(key.handle_id.clone()),
            digest: digest(),
        };
        let mut requests = vec![by(&hangs); 200];
        requests.insert(100, by(&good));
        let deadline = Deadline::after(Duration::from_millis(500));
        let results = house.custody.sign_batch(requests, deadline).await.unwrap();
        assert!(is_good(results[100].as_ref().unwrap(), &good));
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    });
}

#[test]
fn a_provider_that_has_lost_a_registered_key_is_unavailable_not_the_key_unknown() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("sign-missing").await;
        let refused = house.sign(&key).await;
        assert!(matches!(
            refused,
            Err(CustodyError::ProviderUnavailable { .. })
        ));
    });
}
