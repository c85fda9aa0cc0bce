//! One key does not disturb another, and nobody queues without end.

use std::num::NonZeroUsize;
use std::sync::Arc;

use signer_actors::CustodySettings;
use signer_domain::DeploymentProfile;
use signer_domain::ports::{Custody as _, CustodyError};
use signer_kit::testdouble::TestDouble;

use crate::house::{House, Plan, eventually, is_good, run, soon};

fn one_at_a_time() -> TestDouble {
    TestDouble::with_max_in_flight(NonZeroUsize::new(1).unwrap())
}

fn settings() -> CustodySettings {
    CustodySettings::new(DeploymentProfile::SelfhostedSingle)
}

#[test]
fn a_provider_that_panics_over_one_key_fails_that_call_and_nothing_else() {
    run(async {
        let house = House::open(Plan::default()).await;
        let broken = house.key("sign-panics-once").await;
        let well = house.key("well").await;
        assert_eq!(house.sign(&broken).await, Err(CustodyError::Internal));
        assert!(is_good(&house.sign(&well).await.unwrap(), &well));
        assert!(is_good(&house.sign(&broken).await.unwrap(), &broken));
        assert_eq!(house.times_built(), 1);
        assert_eq!(house.metric("provider_panics_total"), 1);
    });
}

#[test]
fn a_quiet_key_is_served_while_a_flooded_one_still_works_off_its_queue() {
    run(async {
        let house = House::open(Plan {
            double: one_at_a_time(),
            ..Plan::default()
        })
        .await;
        let hot = house.key("sign-slow-20ms").await;
        let quiet = house.key("quiet").await;
        let flood: Vec<_> = (0..100).map(|_| house.start_sign(&hot)).collect();
        eventually(|| async { house.signs_asked(&hot) >= 1 }).await;
        for _ in 0..10 {
            house.sign(&quiet).await.unwrap();
        }
        let served = house.signs_asked(&hot);
        assert!(
            served < 50,
            "the flood was worked off first: {served} of 100"
        );
        for sign in flood {
            sign.await.unwrap().unwrap();
        }
    });
}

#[test]
fn a_full_queue_turns_requests_away_at_once_and_serves_those_it_took() {
    run(async {
        let settings = CustodySettings {
            queue_per_key: 3,
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            double: one_at_a_time(),
            ..Plan::default()
        })
        .await;
        let key = house.key("sign-slow-200ms-1").await;
        let other = house.key("other").await;
        let signs: Vec<_> = (0..10).map(|_| house.start_sign(&key)).collect();
        let mut served = 0;
        for sign in signs {
            match sign.await.unwrap() {
                Ok(signed) => {
                    assert!(is_good(&signed, &key));
                    served += 1;
                }
                Err(error) => assert!(matches!(error, CustodyError::Overloaded { .. }), "{error}"),
            }
        }
        assert!(
            (3..=4).contains(&served),
            "one at work and three waiting, not {served}"
        );
        house.sign(&other).await.unwrap();
        house.sign(&key).await.unwrap();
        assert!(house.metric("overloads_total") >= 6);
    });
}

#[test]
fn a_provider_takes_no_more_than_its_part_and_one_key_no_more_than_half_of_that() {
    run(async {
        let settings = CustodySettings {
            max_in_flight: 8,
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let mut keys = Vec::new();
        for number in 0..3 {
            keys.push(house.key(&format!("sign-slow-300ms-{number}")).await);
        }
        let started: Vec<_> = keys
            .iter()
            .map(|key| (0..6).map(|_| house.start_sign(key)).collect::<Vec<_>>())
            .collect();
        let mut served = Vec::new();
        for signs in started {
            let mut count = 0;
            for sign in signs {
                match sign.await.unwrap() {
                    Ok(_) => count += 1,
                    Err(error) => assert!(matches!(error, CustodyError::Overloaded { .. })),
                }
            }
            served.push(count);
        }
        assert_eq!(served.iter().sum::<usize>(), 8);
        assert!(served.iter().all(|count| *count <= 4), "{served:?}");
        house.sign(&keys[0]).await.unwrap();
    });
}

#[test]
fn a_provider_that_hangs_leaves_the_other_ones_their_room() {
    run(async {
        let settings = CustodySettings {
            max_in_flight: 16,
            ..settings()
        };
        let (house, neighbour) = House::open_with_neighbour(settings).await;
        let mut hung = Vec::new();
        for number in 0..4 {
            let key = house.key(&format!("sign-hangs-{number}")).await;
            hung.extend((0..16).map(|_| house.start_sign(&key)));
        }
        eventually(|| async { house.metric("overloads_total") >= 1 }).await;
        for _ in 0..20 {
            assert!(is_good(&house.sign(&neighbour).await.unwrap(), &neighbour));
        }
        for sign in hung {
            sign.abort();
        }
    });
}

#[test]
fn idle_key_actors_are_let_go_and_opened_again_when_they_are_needed() {
    run(async {
        let settings = CustodySettings {
            resident_keys: 4,
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let mut keys = Vec::new();
        for number in 0..40 {
            keys.push(house.key(&format!("k{number}")).await);
        }
        for key in keys.iter().chain(&keys) {
            assert!(is_good(&house.sign(key).await.unwrap(), key));
            assert!(house.metric("resident_keys") <= 5);
        }
    });
}

#[test]
fn a_key_that_is_busy_or_quarantined_is_never_let_go() {
    run(async {
        let settings = CustodySettings {
            resident_keys: 1,
            ..settings()
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let wrong = house.key("sign-wrong-twice").await;
        assert_eq!(
            house.sign(&wrong).await,
            Err(CustodyError::SignatureCheckFailed)
        );
        for number in 0..10 {
            let key = house.key(&format!("k{number}")).await;
            house.sign(&key).await.unwrap();
        }
        assert_eq!(
            house.sign(&wrong).await,
            Err(CustodyError::SignatureCheckFailed)
        );
    });
}

#[test]
fn what_a_caller_left_behind_does_not_hold_a_turn() {
    run(async {
        let house = House::open(Plan {
            double: one_at_a_time(),
            ..Plan::default()
        })
        .await;
        let key = house.key("sign-hangs-once").await;
        let custody = Arc::clone(&house.custody);
        let abandoned = house.start_sign(&key);
        eventually(|| async { house.signs_asked(&key) == 1 }).await;
        abandoned.abort();
        house.sign(&key).await.unwrap();
        custody.retire(key.handle_id.clone(), soon()).await.unwrap();
    });
}
