//! Generating: idempotent, never double, nothing half-made.

use std::sync::Arc;

use signer_domain::ports::{
    Custody as _, CustodyError, GenerateKey, GeneratedOrStanding, OpenRotation, Reservations as _,
    Rotations as _,
};
use signer_domain::{KeyId, ProviderName, Scope};
use signer_kit::testdouble::Call;

use crate::house::{House, Plan, eventually, is_good, run, soon};

fn generates_asked(house: &House) -> usize {
    let calls = house.double.calls();
    calls
        .iter()
        .filter(|call| matches!(call, Call::Generate { .. }))
        .count()
}

#[test]
fn generating_again_finds_the_key_that_stands() {
    run(async {
        let house = House::open(Plan::default()).await;
        let Ok(GeneratedOrStanding::Generated(key)) = house.generate("k1").await else {
            panic!("the first call makes the key");
        };
        assert_eq!(
            house.generate("k1").await,
            Ok(GeneratedOrStanding::Standing(key))
        );
        assert_eq!(generates_asked(&house), 1);
    });
}

#[test]
fn concurrent_calls_for_one_name_make_one_key_and_tell_one_caller_that_it_is_new() {
    run(async {
        let house = House::open(Plan::default()).await;
        let calls: Vec<_> = (0..32)
            .map(|_| {
                let custody = Arc::clone(&house.custody);
                let key_id = KeyId::parse("generate-slow-50ms").unwrap();
                let request = GenerateKey {
                    scope: Scope::Platform,
                    key_id,
                    provider: None,
                };
                actix_rt::spawn(async move { custody.generate(request, soon()).await })
            })
            .collect();
        let (mut made, mut keys) = (0, Vec::new());
        for call in calls {
            match call.await.unwrap().unwrap() {
                GeneratedOrStanding::Generated(key) => {
                    made += 1;
                    keys.push(key);
                }
                GeneratedOrStanding::Standing(key) => keys.push(key),
            }
        }
        assert_eq!((made, generates_asked(&house)), (1, 1));
        assert!(keys.windows(2).all(|pair| pair[0] == pair[1]));
    });
}

#[test]
fn a_name_that_is_being_made_for_one_purpose_is_not_made_for_the_other() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        let key_id = KeyId::parse("generate-slow-300ms-1").unwrap();
        let request = GenerateKey {
            scope: Scope::Platform,
            key_id: key_id.clone(),
            provider: None,
        };
        let custody = Arc::clone(&house.custody);
        let made = actix_rt::spawn(async move { custody.generate(request, soon()).await });
        eventually(|| async { generates_asked(&house) == 2 }).await;
        let refused = house.open_rotation(key_id.as_str()).await;
        assert_eq!(refused, Err(CustodyError::NameTaken));
        made.await.unwrap().unwrap();

        let new_key_id = KeyId::parse("generate-slow-300ms-2").unwrap();
        let request = OpenRotation {
            scope: Scope::Platform,
            new_key_id: new_key_id.clone(),
            provider: None,
        };
        let custody = Arc::clone(&house.custody);
        let opened = actix_rt::spawn(async move { custody.open_rotation(request, soon()).await });
        eventually(|| async { generates_asked(&house) == 3 }).await;
        let refused = house.generate(new_key_id.as_str()).await;
        assert_eq!(refused, Err(CustodyError::RotationInProgress));
        opened.await.unwrap().unwrap();
        assert_eq!(generates_asked(&house), 3);
    });
}

#[test]
fn a_refusal_without_effect_leaves_no_reservation_behind() {
    run(async {
        let house = House::open(Plan::default()).await;
        let refused = house.generate("generate-unavailable-once").await;
        assert!(matches!(
            refused,
            Err(CustodyError::ProviderUnavailable { .. })
        ));
        assert!(house.registry.pending().await.unwrap().is_empty());
        let rotating = house.generate("generate-rotating").await;
        assert_eq!(rotating, Err(CustodyError::RotationInProgress));
        assert!(house.registry.pending().await.unwrap().is_empty());
        house.generate("generate-unavailable-once").await.unwrap();
    });
}

#[test]
fn a_lost_answer_is_cured_by_asking_again_and_yields_the_key_that_was_made() {
    run(async {
        let house = House::open(Plan::default()).await;
        let lost = house.generate("generate-lost-once").await;
        assert!(matches!(
            lost,
            Err(CustodyError::ProviderUnavailable {
                outcome_unknown: true,
                ..
            })
        ));
        assert_eq!(house.registry.pending().await.unwrap().len(), 1);
        let key = house.key("generate-lost-once").await;
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
        assert!(house.registry.pending().await.unwrap().is_empty());
    });
}

#[test]
fn a_provider_that_panics_while_generating_fails_that_call_and_lives_on() {
    run(async {
        let house = House::open(Plan::default()).await;
        assert_eq!(
            house.generate("generate-panics-once").await,
            Err(CustodyError::Internal)
        );
        house.generate("other").await.unwrap();
        house.generate("generate-panics-once").await.unwrap();
        assert_eq!(house.times_built(), 1);
    });
}

#[test]
fn a_provider_that_is_not_configured_cannot_be_asked_for_a_key() {
    run(async {
        let house = House::open(Plan::default()).await;
        let request = GenerateKey {
            scope: Scope::Platform,
            key_id: KeyId::parse("k1").unwrap(),
            provider: Some(ProviderName::new("software")),
        };
        let refused = house.custody.generate(request, soon()).await;
        assert_eq!(refused, Err(CustodyError::KeyNotFound));
        assert!(house.registry.pending().await.unwrap().is_empty());
    });
}
