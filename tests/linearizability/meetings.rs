//! Meetings of two calls that histories ran into, each arranged on purpose.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::System;
use signer_domain::{Digest, KeyState, Scope};
use signer_kit::crash::CrashPoints;
use tokio::time::sleep;

use crate::checker::{self, Call};
use crate::clients::Subject as _;
use crate::house::House;
use crate::model::{Key, Novelty, Operation, Outcome, Refusal, Rotation};
use crate::scope;

/// Much longer than a call takes, and much shorter than a call is held up.
const A_MOMENT: Duration = Duration::from_millis(100);

/// Arms points for a test that runs inside an actix system.
fn run(armed: &str, test: impl AsyncFnOnce(House, Scope)) {
    let points = CrashPoints::parse(armed).unwrap();
    System::new().block_on(async {
        let house = House::open(points).await;
        test(house, scope(0)).await;
    });
}

async fn ask(house: &House, scope: Scope, operation: Operation) -> Outcome {
    let digest = Digest::from_bytes([1; 64]);
    house.custody.ask(scope, operation, digest).await.outcome
}

/// Asks, and does not wait for the answer.
fn begin(house: &House, scope: Scope, operation: Operation) -> actix_rt::task::JoinHandle<Outcome> {
    let custody = Arc::clone(&house.custody);
    let digest = Digest::from_bytes([1; 64]);
    actix_rt::spawn(async move { custody.ask(scope, operation, digest).await.outcome })
}

fn is_made(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Key(Novelty::Made, _) | Outcome::Rotation(Novelty::Made, _)
    )
}

#[test]
fn who_asks_later_is_not_told_what_was_true_before() {
    run(
        "registry.reserve_rotation.after:1=slow-500ms",
        async |house, scope| {
            let early = begin(&house, scope, Operation::Open(1));
            sleep(A_MOMENT).await;
            assert!(is_made(&ask(&house, scope, Operation::Generate(0)).await));
            let late = ask(&house, scope, Operation::Open(1)).await;
            assert!(is_made(&late), "{late}: the scope has a current key");
            let early = early.await.unwrap();
            assert_eq!(early, Outcome::Refused(Refusal::KeyNotFound));
        },
    );
}

#[test]
fn a_key_that_was_retired_is_not_said_to_stand_to_who_asks_later() {
    run(
        "registry.complete.after:2=slow-500ms",
        async |house, scope| {
            assert!(is_made(&ask(&house, scope, Operation::Generate(0)).await));
            let early = begin(&house, scope, Operation::Generate(1));
            sleep(A_MOMENT).await;
            let retired = ask(&house, scope, Operation::Retire(1)).await;
            assert!(
                matches!(retired, Outcome::Key(_, Key { name: 1, .. })),
                "{retired}"
            );
            let late = ask(&house, scope, Operation::Generate(1)).await;
            assert_eq!(late, Outcome::Refused(Refusal::KeyRetired));
            assert!(is_made(&early.await.unwrap()));
        },
    );
}

#[test]
fn a_rotation_that_others_see_already_is_obeyed_before_its_answer_is_back() {
    run(
        "registry.open_rotation.after:1=slow-500ms",
        async |house, scope| {
            assert!(is_made(&ask(&house, scope, Operation::Generate(0)).await));
            let signed = ask(&house, scope, Operation::SignForScope).await;
            assert_eq!(signed, Outcome::Signed(0));
            let opening = begin(&house, scope, Operation::Open(1));
            let rotation = Rotation {
                old: 0,
                new: 1,
                is_open: true,
            };
            while ask(&house, scope, Operation::ShowRotation).await
                != Outcome::Rotation(Novelty::Found, rotation)
            {
                sleep(Duration::from_millis(5)).await;
            }
            for _ in 0..3 {
                let signed = ask(&house, scope, Operation::SignForScope).await;
                assert_eq!(signed, Outcome::Signed(1));
            }
            assert!(is_made(&opening.await.unwrap()));
        },
    );
}

#[test]
fn a_key_that_may_sign_again_when_it_is_current_no_more_does_not_sign_for_the_scope() {
    run(
        "registry.current.after:1=slow-500ms",
        async |house, scope| {
            assert!(is_made(&ask(&house, scope, Operation::Generate(0)).await));
            ask(&house, scope, Operation::Block(0)).await;
            let early = begin(&house, scope, Operation::SignForScope);
            sleep(A_MOMENT).await;
            assert!(is_made(&ask(&house, scope, Operation::Open(1)).await));
            let unblocked = ask(&house, scope, Operation::Unblock(0)).await;
            assert!(
                matches!(unblocked, Outcome::Key(_, key) if !key.blocked && !key.current),
                "{unblocked}"
            );
            assert!(!early.is_finished());
            let signed = early.await.unwrap();
            assert_eq!(
                signed,
                Outcome::Signed(1),
                "the first key was blocked as long as it was the current one"
            );
        },
    );
}

#[test]
fn an_unblocking_is_refused_for_a_block_that_came_meanwhile_and_for_no_earlier_one() {
    let key = |blocked| Key {
        name: 0,
        state: KeyState::Active,
        current: true,
        blocked,
    };
    let call = |operation, outcome, asked, answered| Call {
        client: 0,
        operation,
        outcome,
        asked,
        answered: Some(answered),
    };
    let made = Outcome::Key(Novelty::Made, key(false));
    let blocked = Outcome::Key(Novelty::Found, key(true));
    let refused = Outcome::Refused(Refusal::KeyBlocked);
    let history = |block_asked, block_answered| {
        [
            call(Operation::Generate(0), made.clone(), 0, 1),
            call(Operation::Block(0), blocked.clone(), 2, 3),
            call(
                Operation::Block(0),
                blocked.clone(),
                block_asked,
                block_answered,
            ),
            call(Operation::Unblock(0), refused.clone(), 6, 9),
        ]
    };
    for (block_asked, block_answered, is_explained) in [(7, 10, true), (5, 8, true), (4, 5, false)]
    {
        let history = history(block_asked, block_answered);
        let explained = checker::check(&crate::model::Scope::default(), &history);
        assert_eq!(explained.is_ok(), is_explained, "{explained:?}");
    }
}
