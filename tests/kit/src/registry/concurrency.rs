//! Many callers at once, on several event loops, as the actors are.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use signer_domain::KeyState;
use signer_domain::ports::{
    KeyRecords as _, KeyRegistry, KeyRegistryError, Reservation, ReservationRefused,
    Reservations as _, RetirementStage, Retirements as _, RotationRecords as _,
};

use super::RegistryFixture;
use super::support::{
    PLATFORM, all, at, complete, current, find, generate, open_rotation, pair, pair_salted,
    reserve, reserve_rotation, reserved, rotate, rotation_reserved,
};

const LOOPS: u8 = 4;
const TASKS: u8 = 8;

/// Runs `work` 32 times at once: 8 tasks on each of 4 event loops.
fn at_once<R, T, F>(
    registry: &Arc<R>,
    work: impl Fn(Arc<R>, u8) -> F + Clone + Send + 'static,
) -> Vec<T>
where
    R: KeyRegistry + 'static,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(usize::from(LOOPS)));
    let loops: Vec<_> = (0..LOOPS)
        .map(|index| {
            let (registry, start, work) = (Arc::clone(registry), Arc::clone(&start), work.clone());
            thread::spawn(move || {
                start.wait();
                event_loop().block_on(async {
                    let tasks: Vec<_> = (0..TASKS)
                        .map(|task| work(Arc::clone(&registry), index * TASKS + task))
                        .map(tokio::spawn)
                        .collect();
                    let mut results = Vec::new();
                    for task in tasks {
                        results.push(task.await.unwrap());
                    }
                    results
                })
            })
        })
        .collect();
    let results = loops.into_iter().flat_map(|one| one.join().unwrap());
    results.collect()
}

fn event_loop() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

pub fn of_32_reservations_of_one_name_one_wins<F: RegistryFixture>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = Arc::new(main.block_on(place.open()));
    let answers = at_once(&registry, |registry, _| async move {
        reserve(&*registry, PLATFORM, "k1").await.unwrap()
    });
    let won = |answer: &&Reservation| matches!(answer, Reservation::Reserved(_));
    assert_eq!(answers.iter().filter(won).count(), 1);
    let reservation = answers.iter().find_map(|answer| match answer {
        Reservation::Reserved(pending) => Some(pending.clone()),
        Reservation::AlreadyPending(_) | Reservation::Completed(_) | Reservation::Refused(_) => {
            None
        }
    });
    let already = Reservation::AlreadyPending(reservation.unwrap());
    let found = answers.iter().filter(|answer| **answer == already);
    assert_eq!(found.count(), 31);
}

pub fn of_32_keys_completed_in_one_scope_one_is_current<F: RegistryFixture>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = Arc::new(main.block_on(place.open()));
    let keys = at_once(&registry, |registry, number| async move {
        generate(&*registry, PLATFORM, &format!("k{number}")).await
    });
    assert_eq!(keys.iter().filter(|key| key.current).count(), 1);
    let page = main.block_on(registry.list(&all(100))).unwrap();
    assert_eq!(page.keys.len(), 32);
    assert_eq!(page.keys.iter().filter(|key| key.current).count(), 1);
}

pub fn of_32_pairs_for_one_reservation_one_is_registered<F: RegistryFixture>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = Arc::new(main.block_on(place.open()));
    let reservation = main.block_on(reserved(&*registry, PLATFORM, "k1"));
    let answers = at_once(&registry, move |registry, salt| {
        let reservation = reservation.clone();
        let made = pair_salted(PLATFORM, "k1", salt);
        async move { complete(&*registry, &reservation, &made, at(1)).await }
    });
    let conflict = |answer: &&Result<_, _>| matches!(answer, Err(KeyRegistryError::Conflict));
    assert_eq!(answers.iter().filter(conflict).count(), 31);
    let winner = answers.into_iter().find_map(Result::ok).unwrap();
    let found = main.block_on(find(&*registry, &pair(PLATFORM, "k1").handle_id));
    assert_eq!(found, Some(winner));
}

pub fn of_32_rotations_of_one_scope_one_wins<F: RegistryFixture>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = Arc::new(main.block_on(place.open()));
    main.block_on(generate(&*registry, PLATFORM, "k0"));
    let answers = at_once(&registry, |registry, number| async move {
        reserve_rotation(&*registry, PLATFORM, &format!("new{number}")).await
    });
    let refused = |answer: &&Reservation| {
        **answer == Reservation::Refused(ReservationRefused::RotationInProgress)
    };
    assert_eq!(answers.iter().filter(refused).count(), 31);
    let pending = main.block_on(registry.pending()).unwrap();
    let winner = Reservation::Reserved(pending[0].clone());
    assert!(answers.contains(&winner));
}

pub fn a_rotation_and_32_generated_keys_do_not_meet_in_one_scope<F: RegistryFixture>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = Arc::new(main.block_on(place.open()));
    main.block_on(generate(&*registry, PLATFORM, "k0"));
    let answers = at_once(&registry, |registry, number| async move {
        if number == 16 {
            rotate(&*registry, PLATFORM, "new").await;
            return None;
        }
        Some(
            reserve(&*registry, PLATFORM, &format!("k{}", number + 1))
                .await
                .unwrap(),
        )
    });
    let new = main.block_on(current(&*registry, PLATFORM)).unwrap();
    assert_eq!(new.key_id.as_str(), "new");
    let refused = main
        .block_on(reserve(&*registry, PLATFORM, "late"))
        .unwrap();
    assert_eq!(
        refused,
        Reservation::Refused(ReservationRefused::RotationInProgress)
    );
    let reserved = answers.iter().flatten().filter(|answer| match answer {
        Reservation::Reserved(_) => true,
        Reservation::Refused(ReservationRefused::RotationInProgress) => false,
        Reservation::Refused(_) | Reservation::AlreadyPending(_) | Reservation::Completed(_) => {
            panic!("{answer:?}")
        }
    });
    assert_eq!(
        reserved.count(),
        main.block_on(registry.pending()).unwrap().len()
    );
}

pub fn of_32_pairs_for_one_rotation_one_takes_the_place<F: RegistryFixture>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = Arc::new(main.block_on(place.open()));
    main.block_on(generate(&*registry, PLATFORM, "k1"));
    let pending = main.block_on(rotation_reserved(&*registry, PLATFORM, "k2"));
    let answers = at_once(&registry, move |registry, salt| {
        let pending = pending.clone();
        let made = pair_salted(PLATFORM, "k2", salt);
        async move {
            let opening = open_rotation(&*registry, &pending, &made, at(11), at(20));
            opening.await
        }
    });
    let conflict = |answer: &&Result<_, _>| matches!(answer, Err(KeyRegistryError::Conflict));
    assert_eq!(answers.iter().filter(conflict).count(), 31);
    let winner = answers.into_iter().find_map(Result::ok);
    assert_eq!(main.block_on(registry.rotation(&PLATFORM)).unwrap(), winner);
}

pub fn of_32_closings_of_one_rotation_all_see_the_same_one<F: RegistryFixture>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = Arc::new(main.block_on(place.open()));
    main.block_on(generate(&*registry, PLATFORM, "k1"));
    let transition = main.block_on(rotate(&*registry, PLATFORM, "k2"));
    let answers = at_once(&registry, move |registry, number| {
        let transition = transition.clone();
        async move {
            let closing = registry.close_rotation(&transition, at(number.into()));
            closing.await.unwrap()
        }
    });
    assert!(!answers[0].is_open());
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let unconfirmed = main
        .block_on(registry.unsettled_retirements(RetirementStage::Unconfirmed))
        .unwrap();
    assert_eq!(unconfirmed.len(), 1);
    assert_eq!(unconfirmed[0].version, 3);
}

pub fn of_32_beginnings_of_one_retirement_one_makes_the_note<F: RegistryFixture>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = Arc::new(main.block_on(place.open()));
    let key = main.block_on(generate(&*registry, PLATFORM, "k1"));
    let begun = key.clone();
    let answers = at_once(&registry, move |registry, _| {
        let key = key.clone();
        async move { registry.begin_retirement(&key.handle_id).await.unwrap() }
    });
    assert_eq!(answers[0].version, begun.version + 1);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let left = main
        .block_on(registry.unsettled_retirements(RetirementStage::Begun))
        .unwrap();
    assert_eq!(left, answers[..1]);
}

/// Whoever comes first: the new key is refused while its rotation is open and noted once it is closed,
/// and the old one is noted or retired but never both.
pub fn retirements_begun_while_a_rotation_opens_and_closes_note_what_may_be_retired<
    F: RegistryFixture,
>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = Arc::new(main.block_on(place.open()));
    let old = main.block_on(generate(&*registry, PLATFORM, "k1"));
    let beginner = old.clone();
    at_once(&registry, move |registry, number| {
        let old = beginner.clone();
        async move {
            if number == 16 {
                let transition = rotate(&*registry, PLATFORM, "k2").await;
                registry.close_rotation(&transition, at(15)).await.unwrap();
                return;
            }
            registry.begin_retirement(&old.handle_id).await.unwrap();
            let Some(new) = find(&*registry, &pair(PLATFORM, "k2").handle_id).await else {
                return;
            };
            match registry.begin_retirement(&new.handle_id).await {
                Ok(_) | Err(KeyRegistryError::RotationInProgress) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
    });
    let begun = main
        .block_on(registry.unsettled_retirements(RetirementStage::Begun))
        .unwrap();
    assert!(
        begun.iter().all(|key| key.key_id.as_str() == "k2"),
        "{begun:?}"
    );
    let old = main.block_on(find(&*registry, &old.handle_id)).unwrap();
    assert_eq!(old.state, KeyState::Retired);
    assert!(
        main.block_on(registry.rotation(&PLATFORM))
            .unwrap()
            .is_none()
    );
}

pub fn of_32_retirements_of_one_key_all_see_the_same_one<F: RegistryFixture>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = Arc::new(main.block_on(place.open()));
    let key = main.block_on(generate(&*registry, PLATFORM, "k1"));
    let answers = at_once(&registry, move |registry, number| {
        let key = key.clone();
        async move { registry.retire(&key, at(number.into())).await.unwrap() }
    });
    assert_eq!(answers[0].state, KeyState::Retired);
    assert_eq!(answers[0].version, 2);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

/// The changes are given up at any of their steps, every other one by the end of its event loop.
pub fn what_is_answered_after_a_change_was_given_up_stays_true<F: RegistryFixture>() {
    let main = event_loop();
    let place = main.block_on(F::fresh());
    let registry = main.block_on(place.open());
    for round in 0..100 {
        let doomed = event_loop();
        let event_loop = if round % 2 == 0 { &main } else { &doomed };
        event_loop.block_on(async {
            let name = format!("given-up-{round}");
            let reserving = reserve(&registry, PLATFORM, &name);
            drop(tokio::time::timeout(Duration::from_micros(10 * round), reserving).await);
        });
        drop(doomed);
        main.block_on(async {
            let mut answered = registry.pending().await.unwrap();
            answered.push(reserved(&registry, PLATFORM, &format!("next-{round}")).await);
            assert_eq!(registry.pending().await.unwrap(), answered);
        });
    }
}
