//! A key signs on beside what is slow, refused, lost or greedy, and beside nothing else.

use std::num::NonZeroUsize;
use std::time::Duration;

use signer_actors::key::{Ask, KeyActor, Marking, ReadPublicKey, Sign, SignMany};
use signer_actors::{Addr, CustodySettings};
use signer_domain::ports::CustodyError;
use signer_domain::{Deadline, DeploymentProfile, Digest, KeyState};
use signer_kit::testdouble::{Call, TestDouble};

use crate::house::{House, Plan, eventually, in_time, is_good, released, run, soon};
use crate::messages::{actor, retire, sign, sign_many, signed};

/// One signature at a time, as where signing is a computation.
async fn narrow_house() -> House {
    let double = TestDouble::with_max_in_flight(NonZeroUsize::MIN);
    House::open(Plan {
        double,
        ..Plan::default()
    })
    .await
}

fn marking(marking: Marking) -> Ask<Marking> {
    Ask::new(marking, soon())
}

fn is_unavailable<T>(answer: &Result<T, CustodyError>) -> bool {
    matches!(answer, Err(CustodyError::RegistryUnavailable { .. }))
}

#[test]
fn a_key_signs_on_while_the_record_of_its_unblocking_is_waited_for() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let (actor, _stays) = actor(&house, &key).await;
        let go = house.notes.hold_next();
        let unblocking = actix_rt::spawn(actor.send(marking(Marking::Unblock)));
        eventually(|| async { !house.notes.taken().is_empty() }).await;
        for _ in 0..3 {
            let signed = in_time(signed(&actor)).await.unwrap();
            assert!(is_good(&signed, &key));
        }
        assert!(!unblocking.is_finished());
        go.send(()).unwrap();
        let unblocked = unblocking.await.unwrap().unwrap().unwrap();
        assert!(!unblocked.marks.blocked);
        assert!(is_good(&signed(&actor).await.unwrap(), &key));
    });
}

#[test]
fn an_unblocking_that_waited_for_its_record_undoes_no_block_that_came_meanwhile() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let (actor, _stays) = actor(&house, &key).await;
        let go = house.notes.hold_next();
        let unblocking = actix_rt::spawn(actor.send(marking(Marking::Unblock)));
        eventually(|| async { !house.notes.taken().is_empty() }).await;
        let blocked = actor.send(marking(Marking::Block)).await.unwrap().unwrap();
        assert!(blocked.marks.blocked);
        assert_eq!(in_time(signed(&actor)).await, Err(CustodyError::KeyBlocked));
        go.send(()).unwrap();
        let refused = unblocking.await.unwrap().unwrap();
        assert_eq!(refused, Err(CustodyError::KeyBlocked));
        assert_eq!(signed(&actor).await, Err(CustodyError::KeyBlocked));
        let unblocked = actor.send(marking(Marking::Unblock)).await.unwrap();
        assert!(!unblocked.unwrap().marks.blocked);
        assert!(is_good(&signed(&actor).await.unwrap(), &key));
    });
}

#[test]
fn an_unblocking_that_a_lost_block_came_across_does_not_say_how_the_key_stands() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let (actor, _stays) = actor(&house, &key).await;
        let go = house.notes.hold_next();
        let unblocking = actix_rt::spawn(actor.send(marking(Marking::Unblock)));
        eventually(|| async { !house.notes.taken().is_empty() }).await;
        house.refuse_retirements(1);
        let lost = actor.send(marking(Marking::Block)).await.unwrap();
        assert!(is_unavailable(&lost));
        assert!(is_good(&in_time(signed(&actor)).await.unwrap(), &key));
        go.send(()).unwrap();
        let told = unblocking.await.unwrap().unwrap();
        assert!(is_unavailable(&told), "{told:?}");
        assert!(is_good(&signed(&actor).await.unwrap(), &key));
    });
}

#[test]
fn a_key_that_was_unblocked_signs_while_its_blocking_waits_for_a_caller_who_does_not_read() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let (actor, _stays) = actor(&house, &key).await;
        let unread = actor.send(sign(soon())).await.unwrap().unwrap();
        let blocking = actix_rt::spawn(actor.send(marking(Marking::Block)));
        eventually(|| async { house.record(&key.handle_id).await.marks.blocked }).await;
        assert_eq!(signed(&actor).await, Err(CustodyError::KeyBlocked));
        let unblocked = in_time(actor.send(marking(Marking::Unblock)))
            .await
            .unwrap();
        assert!(!unblocked.unwrap().marks.blocked);
        let read = actor.send(sign(soon())).await.unwrap().unwrap();
        // What was handed out before the block is recalled, and nothing else.
        eventually(|| async { unread.hold.is_recalled() }).await;
        assert!(!read.hold.is_recalled());
        assert!(!blocking.is_finished());
        drop(unread);
        in_time(blocking).await.unwrap().unwrap().unwrap();
        assert!(is_good(&released(Ok(read)).unwrap(), &key));
    });
}

#[test]
fn an_unblocking_whose_record_came_too_late_for_its_asker_is_not_done() {
    run(async {
        let house = House::open(Plan::default()).await;
        for is_abandoned in [false, true] {
            let key = house.key(&format!("abandoned-{is_abandoned}")).await;
            let (actor, _stays) = actor(&house, &key).await;
            let blocked = actor.send(marking(Marking::Block)).await.unwrap();
            assert!(blocked.unwrap().marks.blocked);
            let records = house.notes.taken().len();
            let go = house.notes.hold_next();
            let deadline = if is_abandoned {
                soon()
            } else {
                Deadline::after(Duration::from_millis(50))
            };
            let asked = Ask::new(Marking::Unblock, deadline);
            let unblocking = actix_rt::spawn(actor.send(asked));
            eventually(|| async { house.notes.taken().len() > records }).await;
            if is_abandoned {
                unblocking.abort();
                unblocking.await.unwrap_err();
                go.send(()).unwrap();
            } else {
                eventually(|| async { deadline.is_past() }).await;
                go.send(()).unwrap();
                let late = unblocking.await.unwrap().unwrap();
                assert_eq!(late, Err(CustodyError::DeadlineExceeded));
            }
            for _ in 0..20 {
                assert_eq!(signed(&actor).await, Err(CustodyError::KeyBlocked));
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            assert!(house.record(&key.handle_id).await.marks.blocked);
        }
    });
}

#[test]
fn a_reading_that_began_before_the_last_lost_answer_does_not_settle_that_one() {
    run(async {
        let house = House::open(Plan::default()).await;
        // What is lost first, what is lost while it is read again, and what the key is in the end.
        let (block, unblock) = (Marking::Block, Marking::Unblock);
        for (first, second) in [(unblock, block), (block, unblock)] {
            let key = house.key(&format!("{second:?}").to_lowercase()).await;
            let (actor, _stays) = actor(&house, &key).await;
            house.forget_retirements(1);
            let lost = actor.send(marking(first)).await.unwrap();
            assert!(is_unavailable(&lost));
            let (was_read, go) = house.hold_next_record();
            let waiting = actix_rt::spawn(actor.send(sign(soon())));
            was_read.await.unwrap();
            house.forget_retirements(1);
            let lost = actor.send(marking(second)).await.unwrap();
            assert!(is_unavailable(&lost));
            go.send(()).unwrap();
            let signed = waiting.await.unwrap().unwrap();
            if second == block {
                assert_eq!(signed, Err(CustodyError::KeyBlocked));
            } else {
                assert!(is_good(&signed.unwrap(), &key));
            }
        }
    });
}

/// A house with room for one key at a time.
async fn small_house() -> House {
    let settings = CustodySettings {
        resident_keys: 1,
        ..CustodySettings::new(DeploymentProfile::SelfhostedSingle)
    };
    House::open(Plan {
        settings,
        ..Plan::default()
    })
    .await
}

/// Has the actor of every idle key let go.
async fn crowd_out(house: &House, name: &str) {
    for number in 0..3 {
        let other = house.key(&format!("{name}-{number}")).await;
        house.sign(&other).await.unwrap();
    }
}

#[test]
fn a_retirement_waits_for_a_signature_that_is_on_its_way_although_others_wanted_the_room() {
    run(async {
        let house = small_house().await;
        let key = house.key("k1").await;
        let unread = {
            let (actor, _stays) = actor(&house, &key).await;
            actor.send(sign(soon())).await.unwrap().unwrap()
        };
        crowd_out(&house, "other").await;
        let (actor, _stays) = actor(&house, &key).await;
        let retiring = actix_rt::spawn(actor.send(retire()));
        eventually(|| async { unread.hold.is_recalled() }).await;
        assert!(!retiring.is_finished(), "the signature may still leave");
        drop(unread);
        let retired = retiring.await.unwrap().unwrap().unwrap();
        assert_eq!(retired.state, KeyState::Retired);
    });
}

#[test]
fn what_a_share_has_made_is_barred_by_a_retirement_although_others_wanted_the_room() {
    run(async {
        let house = small_house().await;
        let key = house.key("k1").await;
        let made = {
            let (actor, _stays) = actor(&house, &key).await;
            actor.send(sign_many(3)).await.unwrap().unwrap()
        };
        crowd_out(&house, "other").await;
        let (actor, _stays) = actor(&house, &key).await;
        actor.send(retire()).await.unwrap().unwrap();
        for made in made {
            assert_eq!(made.unwrap().release(), Err(CustodyError::KeyRetired));
        }
    });
}

#[test]
fn a_refused_retirement_keeps_nothing_that_was_asked_before_it_or_behind_it() {
    run(async {
        let house = narrow_house().await;
        house.key("old").await;
        let new = house.rotate_to("sign-slow-50ms").await;
        let (actor, _stays) = actor(&house, &new).await;
        let unread = actor.send(sign(soon())).await.unwrap().unwrap();
        let single = || actix_rt::spawn(actor.send(sign(soon())));
        let share = || actix_rt::spawn(actor.send(sign_many(2)));
        let before = (single(), share());
        eventually(|| async { house.signs_asked(&new) >= 2 }).await;
        let retiring = actix_rt::spawn(actor.send(retire()));
        let behind = (single(), share());
        let refused = in_time(retiring).await.unwrap().unwrap();
        assert_eq!(refused, Err(CustodyError::RotationInProgress));
        for (single, share) in [before, behind] {
            assert!(is_good(&single.await.unwrap().unwrap().unwrap(), &new));
            for made in share.await.unwrap().unwrap().unwrap() {
                assert!(is_good(&made.unwrap().release().unwrap(), &new));
            }
        }
        assert!(!unread.hold.is_recalled());
        assert!(is_good(&signed(&actor).await.unwrap(), &new));
    });
}

/// Makes sure that all that was sent to an actor before has come to it.
async fn settle(actor: &Addr<KeyActor>) {
    let read = Ask::new(ReadPublicKey, soon());
    actor.send(read).await.unwrap();
}

#[test]
fn single_signatures_and_shares_have_their_turns_while_both_keep_coming() {
    const SINGLE: u8 = 1;
    const SHARES: [u8; 2] = [2, 3];
    run(async {
        let house = narrow_house().await;
        let key = house.key("k1").await;
        let (actor, _stays) = actor(&house, &key).await;
        // Nobody is served before all are there.
        house.forget_retirements(1);
        let unblocked = actor.send(marking(Marking::Unblock)).await.unwrap();
        assert!(is_unavailable(&unblocked));
        let (was_read, go) = house.hold_next_record();
        let digest = |byte| Digest::from_bytes([byte; 64]);
        let shares = SHARES.map(|byte| {
            let digests = vec![digest(byte); 20];
            actor.send(Ask::new(SignMany { digests }, soon()))
        });
        was_read.await.unwrap();
        let mut singles = Vec::new();
        for _ in 0..70 {
            let digest = digest(SINGLE);
            singles.push(actor.send(Ask::new(Sign { digest }, soon())));
            settle(&actor).await;
        }
        go.send(()).unwrap();
        for single in singles {
            single.await.unwrap().unwrap();
        }
        for share in shares {
            let made = share.await.unwrap().unwrap();
            assert!(made.iter().all(Result::is_ok));
        }
        let calls = house.double.calls().into_iter();
        let signed = calls.filter_map(|call| match call {
            Call::Sign { digest, .. } => Some(digest.as_bytes()[0]),
            _ => None,
        });
        let signed: Vec<u8> = signed.take(80).collect();
        let mut takes_turns = SHARES.into_iter().cycle();
        for eight in signed.chunks(8) {
            let (share, singles) = eight.split_last().unwrap();
            assert_eq!(singles, [SINGLE; 7], "{signed:?}");
            assert_eq!(Some(*share), takes_turns.next(), "{signed:?}");
        }
    });
}
