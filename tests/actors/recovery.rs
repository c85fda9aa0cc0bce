//! Actors and providers die and come back.

use std::sync::Arc;
use std::time::Duration;

use signer_actors::CustodySettings;
use signer_domain::ports::{
    Custody as _, CustodyError, GenerateKey, GeneratedOrStanding, KeyProvider as _, ProviderStatus,
    Purpose, Reservations as _,
};
use signer_domain::{Deadline, KeyId, Scope};
use signer_kit::testdouble::{Failure, Operation};
use signer_registry::{RegistryUrl, SqliteRegistry};
use tempfile::TempDir;

use crate::house::{House, Plan, eventually, in_time, is_good, run, settings, soon, wanted};

#[test]
fn a_key_whose_actor_died_is_served_by_the_next_one() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        house.sign(&key).await.unwrap();
        house.crash_key(&key).await;
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
        assert_eq!(house.times_built(), 1);
    });
}

#[test]
fn a_quarantine_outlives_the_actor_of_its_key() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("sign-wrong-twice").await;
        assert_eq!(
            house.sign(&key).await,
            Err(CustodyError::SignatureCheckFailed)
        );
        house.crash_key(&key).await;
        assert_eq!(
            house.sign(&key).await,
            Err(CustodyError::SignatureCheckFailed)
        );
    });
}

#[test]
fn that_a_provider_is_dev_only_is_told_whether_or_not_it_ever_came_up() {
    run(async {
        let house = House::open(Plan::default()).await;
        let told = || async { house.custody.liveness().await.unwrap().warnings };
        let wanted = ["key provider \"testdouble\" is dev-only"];
        assert_eq!(told().await, wanted);
        house.take_provider_down().await;
        assert_eq!(told().await, wanted);
        let next = House::open_down().await;
        assert_eq!(next.custody.liveness().await.unwrap().warnings, wanted);
    });
}

#[test]
fn a_provider_that_died_is_built_anew_and_answers_unavailable_meanwhile() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        house.sign(&key).await.unwrap();
        house.crash_provider().await;
        house.double.inject_failure(
            Operation::Check,
            Failure::ProviderUnavailable {
                retry_after: Duration::from_secs(1),
                outcome_unknown: false,
            },
        );
        eventually(|| async {
            let refused = house.sign(&key).await;
            matches!(refused, Err(CustodyError::ProviderUnavailable { .. }))
        })
        .await;
        assert!(!house.custody.readiness().await.is_ready());
        assert!(
            house.custody.liveness().await.is_some(),
            "a back end never fails liveness"
        );
        house.double.clear_failures();
        house.wait_until_ready().await;
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
        assert!(house.times_built() >= 2);
    });
}

#[test]
fn a_provider_that_panics_when_it_is_checked_is_built_anew() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        house
            .double
            .inject_failures(Operation::Check, Failure::Panic, 1);
        eventually(|| async { house.times_built() >= 2 }).await;
        house.wait_until_ready().await;
        house.sign(&key).await.unwrap();
    });
}

#[test]
fn a_check_that_fails_shows_in_readiness_and_heals_by_itself() {
    run(async {
        let house = House::open(Plan::default()).await;
        house
            .double
            .inject_failure(Operation::Check, Failure::Misconfigured);
        let status = || async { house.custody.readiness().await.providers[0].1 };
        eventually(|| async { status().await == ProviderStatus::Down }).await;
        house.double.clear_failures();
        eventually(|| async { status().await == ProviderStatus::Ready }).await;
        assert_eq!(house.times_built(), 1);
    });
}

#[test]
fn start_up_settles_what_a_crash_left_half_made_before_it_serves() {
    run(async {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite:{}", directory.path().join("registry.db").display());
        let registry = SqliteRegistry::open(&RegistryUrl::parse(&url).unwrap())
            .await
            .unwrap();
        let plan = Plan::default();
        let (made, unmade) = (
            KeyId::parse("made").unwrap(),
            KeyId::parse("unmade").unwrap(),
        );
        for key_id in [&made, &unmade] {
            registry
                .reserve(&wanted(key_id, Purpose::Generate))
                .await
                .unwrap();
        }
        let pair = plan
            .double
            .generate(&Scope::Platform, &made, soon())
            .await
            .unwrap();
        let house = House::open_over(plan, Arc::new(registry), Some(directory)).await;
        assert!(house.registry.pending().await.unwrap().is_empty());
        let key = house
            .custody
            .key(pair.handle_id.clone(), soon())
            .await
            .unwrap()
            .key;
        assert_eq!(key.public_key, pair.public_key);
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
        assert_eq!(house.metric("repairs_total"), 2);
        house.generate("unmade").await.unwrap();
    });
}

#[test]
fn a_reservation_that_cannot_be_settled_keeps_nothing_else_from_being_served() {
    run(async {
        let directory = TempDir::new().unwrap();
        let url = format!("sqlite:{}", directory.path().join("registry.db").display());
        let registry = SqliteRegistry::open(&RegistryUrl::parse(&url).unwrap())
            .await
            .unwrap();
        let stuck = KeyId::parse("locate-unavailable").unwrap();
        registry
            .reserve(&wanted(&stuck, Purpose::Generate))
            .await
            .unwrap();
        let house = House::open_over(Plan::default(), Arc::new(registry), Some(directory)).await;
        let key = house.key("k1").await;
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
        assert_eq!(house.registry.pending().await.unwrap().len(), 1);
        house.key("locate-unavailable").await;
        assert!(house.registry.pending().await.unwrap().is_empty());
    });
}

#[test]
fn no_key_is_made_while_an_opening_that_was_left_settles_its_reservation() {
    run(async {
        let settings = CustodySettings {
            opening_deadline: Duration::from_millis(300),
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let left = KeyId::parse("left").unwrap();
        let to_reserve = wanted(&left, Purpose::Generate);
        house.registry.reserve(&to_reserve).await.unwrap();
        let (is_settling, settle) = house.hold_next_abandonment();
        house.crash_provider().await;
        in_time(is_settling).await.unwrap();
        let built = house.times_built();
        eventually(|| async { house.times_built() > built }).await;
        house.wait_until_ready().await;

        let request = || GenerateKey {
            scope: Scope::Platform,
            key_id: left.clone(),
            provider: None,
        };
        let custody = Arc::clone(&house.custody);
        let asked = request();
        let patient = actix_rt::spawn(async move { custody.generate(asked, soon()).await });
        let short = Deadline::after(Duration::from_millis(100));
        let waited = house.custody.generate(request(), short).await;
        assert_eq!(waited, Err(CustodyError::DeadlineExceeded));
        assert_eq!(house.double.calls(), []);

        settle.send(()).unwrap();
        let made = patient.await.unwrap();
        let Ok(GeneratedOrStanding::Generated(key)) = made else {
            panic!("{made:?}");
        };
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
    });
}

#[test]
fn an_opening_that_was_left_settles_nothing_once_its_successor_serves() {
    run(async {
        let settings = CustodySettings {
            opening_deadline: Duration::from_millis(300),
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let (is_building, go_on) = house.hold_next_building();
        house.crash_provider().await;
        in_time(is_building).await.unwrap();
        let built = house.times_built();
        eventually(|| async { house.times_built() > built }).await;
        house.wait_until_ready().await;

        let left = KeyId::parse("left").unwrap();
        let to_reserve = wanted(&left, Purpose::Generate);
        house.registry.reserve(&to_reserve).await.unwrap();
        go_on.send(()).unwrap();
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            assert_eq!(house.registry.pending().await.unwrap().len(), 1);
        }
    });
}

#[test]
fn a_generation_under_way_survives_the_death_of_its_providers_actor() {
    run(async {
        let house = House::open(Plan::default()).await;
        let custody = Arc::clone(&house.custody);
        let key_id = KeyId::parse("generate-slow-300ms").unwrap();
        let request = GenerateKey {
            scope: Scope::Platform,
            key_id,
            provider: None,
        };
        let made = actix_rt::spawn(async move { custody.generate(request, soon()).await });
        eventually(|| async { house.double.calls().len() == 1 }).await;
        house.crash_provider().await;
        let Ok(GeneratedOrStanding::Generated(key)) = made.await.unwrap() else {
            panic!("the key was to be made");
        };
        house.wait_until_ready().await;
        eventually(|| async { house.sign(&key).await.is_ok() }).await;
    });
}
