//! Opening a rotation: who may, what it leads to, what comes out when it goes wrong.

use std::sync::Arc;
use std::time::Duration;

use signer_actors::CustodySettings;
use signer_domain::ports::{
    Custody as _, CustodyError, GeneratedOrStanding, KeyProvider as _, OpenRotation,
    OpenedOrStanding, Purpose, Reservations as _, RetirementStage, Retirements as _,
    Rotations as _, VerificationKeys,
};
use signer_domain::{DeploymentProfile, KeyId, KeyState, ProviderName, RotationTransition, Scope};
use signer_kit::testdouble::Call;

use crate::house::{DOUBLE, House, Plan, is_good, run, soon, wanted};

fn generates_asked(house: &House) -> usize {
    let is_generate = |call: &&Call| matches!(call, Call::Generate { .. });
    house.double.calls().iter().filter(is_generate).count()
}

async fn verifying(house: &House, selection: VerificationKeys) -> Vec<String> {
    let keys = house
        .custody
        .verification_keys(Scope::Platform, selection, None, soon());
    let keys = keys.await.unwrap().keys.into_iter();
    keys.map(|key| key.key_id.as_str().to_owned()).collect()
}

async fn shown(house: &House) -> Result<RotationTransition, CustodyError> {
    house.custody.rotation(Scope::Platform, soon()).await
}

#[test]
fn a_rotation_gives_the_scope_a_new_key_and_lets_the_old_one_sign_by_its_handle_until_the_end() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.sign(&old).await.unwrap();
        let new = house.rotate_to("new").await;
        let open = shown(&house).await.unwrap();
        assert_eq!(
            (&open.old_handle_id, &open.new_handle_id),
            (&old.handle_id, &new.handle_id)
        );
        let window = open.opened_at.duration_until(open.closes_at);
        assert_eq!(window.as_hours(), 24);
        let superseded = house.record(&old.handle_id).await;
        assert_eq!(
            (superseded.state, superseded.current),
            (KeyState::Rotating, false)
        );
        assert!(new.current);
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &new));
        assert!(is_good(&house.sign(&old).await.unwrap(), &old));
        assert_eq!(
            verifying(&house, VerificationKeys::InUse).await,
            ["old", "new"]
        );

        let closed = house.close_rotation("old", "new").await.unwrap();
        assert!(!closed.is_open());
        assert_eq!(house.sign(&old).await, Err(CustodyError::KeyRetired));
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &new));
        assert_eq!(shown(&house).await, Err(CustodyError::RotationNotFound));
        assert_eq!(verifying(&house, VerificationKeys::InUse).await, ["new"]);
        assert_eq!(
            verifying(&house, VerificationKeys::WithRetired).await,
            ["old", "new"]
        );
        let published = house.custody.public_key(old.handle_id.clone(), soon());
        assert_eq!(published.await.unwrap().public_key, old.public_key);
    });
}

#[test]
fn every_call_may_be_repeated() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        let Ok(OpenedOrStanding::Opened(opened)) = house.open_rotation("new").await else {
            panic!("the first call opens the rotation");
        };
        let again = house.open_rotation("new").await;
        assert_eq!(again, Ok(OpenedOrStanding::Standing(opened)));
        let closed = house.close_rotation("old", "new").await.unwrap();
        assert_eq!(house.close_rotation("old", "new").await, Ok(closed.clone()));
        let late = house.open_rotation("new").await;
        assert_eq!(late, Ok(OpenedOrStanding::Standing(closed)));
        assert_eq!(generates_asked(&house), 2);
    });
}

#[test]
fn a_rotation_to_a_key_that_has_been_retired_since_is_no_rotation_to_it() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        let new = house.rotate_to("new").await;
        house.close_rotation("old", "new").await.unwrap();
        house.rotate_to("newer").await;
        // As long as it stands, a repeated call learns that it was done.
        let again = house.open_rotation("new").await;
        assert!(
            matches!(again, Ok(OpenedOrStanding::Standing(_))),
            "{again:?}"
        );
        house.retire(&new).await.unwrap();
        assert_eq!(
            house.open_rotation("new").await,
            Err(CustodyError::KeyRetired)
        );
        house.close_rotation("new", "newer").await.unwrap();
        assert_eq!(
            house.open_rotation("new").await,
            Err(CustodyError::KeyRetired)
        );
    });
}

#[test]
fn concurrent_calls_open_one_rotation_and_tell_one_caller_that_it_is_new() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        let calls: Vec<_> = (0..16)
            .map(|_| {
                let custody = Arc::clone(&house.custody);
                let request = OpenRotation {
                    scope: Scope::Platform,
                    new_key_id: KeyId::parse("generate-slow-50ms").unwrap(),
                    provider: None,
                };
                actix_rt::spawn(async move { custody.open_rotation(request, soon()).await })
            })
            .collect();
        let mut opened = 0;
        for call in calls {
            match call.await.unwrap().unwrap() {
                OpenedOrStanding::Opened(_) => opened += 1,
                OpenedOrStanding::Standing(_) => {}
            }
        }
        assert_eq!((opened, generates_asked(&house)), (1, 2));
    });
}

#[test]
fn while_a_rotation_is_open_the_scope_takes_no_other_key() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        let new = house.rotate_to("new").await;
        let refused = Err(CustodyError::RotationInProgress);
        assert_eq!(house.open_rotation("third").await, refused);
        let refused = Err(CustodyError::RotationInProgress);
        assert_eq!(house.generate("third").await, refused);
        for key in [&old, &new] {
            let standing = house.generate(key.key_id.as_str()).await.unwrap();
            let record = house.record(&key.handle_id).await;
            assert_eq!(standing, GeneratedOrStanding::Standing(record));
        }
        house.close_rotation("old", "new").await.unwrap();
        house.key("third").await;
        house.rotate_to("fourth").await;
    });
}

#[test]
fn what_stands_in_the_way_of_a_rotation_is_told_apart() {
    run(async {
        let house = House::open(Plan::default()).await;
        let refusal = |key_id: &'static str| {
            let house = &house;
            async move { house.open_rotation(key_id).await.unwrap_err() }
        };
        assert_eq!(refusal("new").await, CustodyError::KeyNotFound);
        let (current, _other) = (house.key("current").await, house.key("other").await);
        assert_eq!(refusal("current").await, CustodyError::NameTaken);
        let request = OpenRotation {
            scope: Scope::Platform,
            new_key_id: KeyId::parse("new").unwrap(),
            provider: Some(ProviderName::new("software")),
        };
        let unconfigured = house.custody.open_rotation(request, soon()).await;
        assert_eq!(unconfigured, Err(CustodyError::KeyNotFound));
        house.retire(&current).await.unwrap();
        assert_eq!(refusal("new").await, CustodyError::KeyRetired);
        for (old, new) in [("current", "new"), ("other", "current")] {
            let refused = house.close_rotation(old, new).await;
            assert_eq!(refused, Err(CustodyError::RotationNotFound));
        }
    });
}

#[test]
fn a_profile_without_platform_keys_rotates_none() {
    run(async {
        let settings = CustodySettings::new(DeploymentProfile::Saas);
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let refused = house.open_rotation("new").await;
        assert!(matches!(refused, Err(CustodyError::ScopeNotPermitted(_))));
    });
}

#[test]
fn the_new_key_is_not_retired_while_it_takes_over_and_its_provider_hears_nothing() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        let new = house.rotate_to("new").await;
        let refused = house.retire(&new).await;
        assert_eq!(refused, Err(CustodyError::RotationInProgress));
        assert_eq!(house.retires_asked(&new.handle_id), 0);
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &new));
        house.close_rotation("old", "new").await.unwrap();
        assert_eq!(house.retire(&new).await.unwrap().state, KeyState::Retired);
        assert_eq!(house.sign_for_scope().await, Err(CustodyError::KeyRetired));
    });
}

#[test]
fn an_old_key_that_was_retired_early_leaves_nothing_to_do_but_to_close() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.sign(&old).await.unwrap();
        let new = house.rotate_to("new").await;
        let retired = house.retire(&old).await.unwrap();
        assert_eq!(retired.state, KeyState::Retired);
        assert_eq!(house.sign(&old).await, Err(CustodyError::KeyRetired));
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &new));
        assert!(shown(&house).await.unwrap().is_open());
        house.close_rotation("old", "new").await.unwrap();
        assert_eq!(house.record(&old.handle_id).await, retired);
        assert_eq!(house.retires_asked(&old.handle_id), 1);
        let left = house
            .registry
            .unsettled_retirements(RetirementStage::Unconfirmed)
            .await
            .unwrap();
        assert!(left.is_empty());
    });
}

#[test]
fn a_provider_that_certainly_made_nothing_leaves_the_scope_free() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        let refused = house.open_rotation("generate-unavailable-once").await;
        assert!(matches!(
            refused,
            Err(CustodyError::ProviderUnavailable { .. })
        ));
        assert!(house.registry.pending().await.unwrap().is_empty());
        assert_eq!(shown(&house).await, Err(CustodyError::RotationNotFound));
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &old));
        house.key("beside").await;
        house.rotate_to("generate-unavailable-once").await;
    });
}

#[test]
fn a_provider_that_panics_fails_that_rotation_and_lives_on() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("old").await;
        let failed = house.open_rotation("generate-panics-once").await;
        assert_eq!(failed, Err(CustodyError::Internal));
        house.rotate_to("generate-panics-once").await;
        assert_eq!(house.times_built(), 1);
    });
}

#[test]
fn a_lost_answer_keeps_the_scope_until_asking_again_finds_the_one_pair_that_was_made() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        let name = "generate-lost-once";
        let lost = house.open_rotation(name).await;
        assert!(matches!(
            lost,
            Err(CustodyError::ProviderUnavailable {
                outcome_unknown: true,
                ..
            })
        ));
        let refused = Err(CustodyError::RotationInProgress);
        assert_eq!(house.open_rotation("another").await, refused);
        let refused = Err(CustodyError::RotationInProgress);
        assert_eq!(house.generate("another").await, refused);
        assert_eq!(shown(&house).await, Err(CustodyError::RotationNotFound));
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &old));
        let key_id = KeyId::parse(name).unwrap();
        let pair = house.double.locate(&Scope::Platform, &key_id, soon()).await;
        let pair = pair.unwrap().unwrap();
        let new = house.rotate_to(name).await;
        assert_eq!(new.public_key, pair.public_key);
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &new));
        assert!(house.registry.pending().await.unwrap().is_empty());
    });
}

#[test]
fn a_rotation_that_another_provider_is_opening_is_left_to_that_one() {
    run(async {
        let settings = CustodySettings::new(DeploymentProfile::SelfhostedSingle);
        let (house, _) = House::open_with_neighbour(settings).await;
        let new_key_id = KeyId::parse("new").unwrap();
        let wanted = wanted(&new_key_id, Purpose::Rotate);
        house.registry.reserve(&wanted).await.unwrap();
        let request = |provider| OpenRotation {
            scope: Scope::Platform,
            new_key_id: new_key_id.clone(),
            provider,
        };
        let elsewhere = request(Some(ProviderName::new("software")));
        let refused = house.custody.open_rotation(elsewhere, soon()).await;
        assert!(matches!(
            refused,
            Err(CustodyError::ProviderUnavailable { .. })
        ));
        let opened = house.custody.open_rotation(request(None), soon()).await;
        assert!(matches!(opened, Ok(OpenedOrStanding::Opened(_))));
    });
}

#[test]
fn a_scope_moves_to_another_provider_by_a_rotation() {
    run(async {
        let settings = CustodySettings {
            overlap_window: Duration::from_mins(5),
            ..CustodySettings::new(DeploymentProfile::SelfhostedSingle)
        };
        let (house, old) = House::open_with_neighbour(settings).await;
        assert_eq!(old.provider(), ProviderName::new("software"));
        let new = house.rotate_to("new").await;
        assert_eq!(new.provider(), DOUBLE);
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &new));
        assert!(is_good(&house.sign(&old).await.unwrap(), &old));
        house.close_rotation("neighbour", "new").await.unwrap();
        assert_eq!(house.sign(&old).await, Err(CustodyError::KeyRetired));
    });
}
