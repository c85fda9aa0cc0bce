//! Messages to the actors themselves, as anybody may send them from outside the crate.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use signer_actors::key::{
    Ask, CloseRotation, Finish, FinishRetirement, KeyActor, Marking, ReadPublicKey, Retire, Seats,
    Sign, SignMany,
};
use signer_actors::provider::{Choice, Generate, Rotate};
use signer_actors::{Addr, CustodySettings};
use signer_domain::ports::{
    CustodyError, GeneratedOrStanding, InvalidPublicKey, OpenedOrStanding, Retirements as _,
    RotationRecords as _, SignatureVerifier, SignedDigest,
};
use signer_domain::{
    Deadline, DeploymentProfile, Digest, KeyState, PublicKey, Scope, Signature, SigningKey,
};
use signer_kit::testdouble::TestDouble;
use signer_verify::verifier_for;

use crate::house::{DOUBLE, House, Plan, digest, eventually, is_good, released, run, soon};

pub(crate) async fn actor(house: &House, key: &SigningKey) -> (Addr<KeyActor>, Seats) {
    let actor = house.custody.key_actor(&key.handle_id, soon()).await;
    actor.unwrap()
}

pub(crate) fn sign(deadline: Deadline) -> Ask<Sign> {
    Ask::new(Sign { digest: digest() }, deadline)
}

pub(crate) fn sign_many(count: usize) -> Ask<SignMany> {
    let digests = vec![digest(); count];
    Ask::new(SignMany { digests }, soon())
}

pub(crate) fn retire() -> Ask<Retire> {
    Ask::new(Retire, soon())
}

pub(crate) async fn signed(actor: &Addr<KeyActor>) -> Result<SignedDigest, CustodyError> {
    released(actor.send(sign(soon())).await.unwrap())
}

#[test]
fn a_key_actor_signs_one_digest_or_many() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let (actor, _stays) = actor(&house, &key).await;
        assert!(is_good(&signed(&actor).await.unwrap(), &key));
        for count in [0, 1, 100] {
            let made = actor.send(sign_many(count)).await.unwrap().unwrap();
            assert_eq!(made.len(), count);
            for made in made {
                assert!(is_good(&made.unwrap().release().unwrap(), &key));
            }
        }
    });
}

#[test]
fn a_retirement_comes_after_the_signatures_before_it_and_before_those_behind_it() {
    run(async {
        let double = TestDouble::with_max_in_flight(NonZeroUsize::MIN);
        let house = House::open(Plan {
            double,
            ..Plan::default()
        })
        .await;
        let key = house.key("sign-slow-20ms").await;
        let (actor, _stays) = actor(&house, &key).await;
        let before = actix_rt::spawn(actor.send(sign(soon())));
        eventually(|| async { house.signs_asked(&key) == 1 }).await;
        let retirement = actix_rt::spawn(actor.send(retire()));
        let is_retired = || async { house.record(&key.handle_id).await.state == KeyState::Retired };
        eventually(is_retired).await;
        // Its answer has come by now, and its task only has to take it up.
        tokio::task::yield_now().await;
        assert!(before.is_finished(), "the retirement overtook a signature");
        let behind = actor.send(sign(soon())).await.unwrap();
        assert_eq!(behind, Err(CustodyError::KeyRetired));
        assert!(is_good(
            &released(before.await.unwrap().unwrap()).unwrap(),
            &key
        ));
        let retired = retirement.await.unwrap().unwrap().unwrap();
        assert_eq!(retired.state, KeyState::Retired);
        assert_eq!(house.signs_asked(&key), 1);
    });
}

#[test]
fn nothing_of_a_share_is_released_after_the_key_was_retired_or_blocked() {
    run(async {
        let house = House::open(Plan::default()).await;
        for (name, bar) in [
            ("retired", CustodyError::KeyRetired),
            ("blocked", CustodyError::KeyBlocked),
        ] {
            let key = house.key(name).await;
            let (actor, _stays) = actor(&house, &key).await;
            let made = actor.send(sign_many(10)).await.unwrap().unwrap();
            if bar == CustodyError::KeyRetired {
                actor.send(retire()).await.unwrap().unwrap();
            } else {
                let block = Ask::new(Marking::Block, soon());
                actor.send(block).await.unwrap().unwrap();
            }
            for made in made {
                assert_eq!(made.unwrap().release(), Err(bar.clone()));
            }
            assert_eq!(signed(&actor).await, Err(bar));
        }
    });
}

#[test]
fn a_key_actor_quarantines_a_key_that_signs_wrongly_twice_and_outlives_a_panic_of_the_provider() {
    run(async {
        let house = House::open(Plan::default()).await;
        let wrong = house.key("sign-wrong-twice").await;
        let (wrong, _stays_too) = actor(&house, &wrong).await;
        let failed = CustodyError::SignatureCheckFailed;
        assert_eq!(signed(&wrong).await, Err(failed.clone()));
        assert_eq!(signed(&wrong).await, Err(failed));
        let key = house.key("sign-panics-once").await;
        let (actor, _stays) = actor(&house, &key).await;
        assert_eq!(signed(&actor).await, Err(CustodyError::Internal));
        assert!(is_good(&signed(&actor).await.unwrap(), &key));
    });
}

#[test]
fn a_deadline_holds_in_the_mailbox_in_the_queue_and_at_the_provider() {
    run(async {
        let double = TestDouble::with_max_in_flight(NonZeroUsize::MIN);
        let house = House::open(Plan {
            double,
            ..Plan::default()
        })
        .await;
        let key = house.key("sign-hangs").await;
        let (actor, _stays) = actor(&house, &key).await;
        let past = Deadline::after(Duration::ZERO);
        let late = Err(CustodyError::DeadlineExceeded);
        assert_eq!(actor.send(sign(past)).await.unwrap(), late);
        assert_eq!(house.signs_asked(&key), 0);
        let at_provider =
            actix_rt::spawn(actor.send(sign(Deadline::after(Duration::from_secs(1)))));
        eventually(|| async { house.signs_asked(&key) == 1 }).await;
        let in_queue = Deadline::after(Duration::from_millis(100));
        assert_eq!(actor.send(sign(in_queue)).await.unwrap(), late);
        assert_eq!(house.signs_asked(&key), 1);
        let hung = at_provider.await.unwrap().unwrap();
        assert!(matches!(
            hung,
            Err(CustodyError::ProviderUnavailable {
                outcome_unknown: true,
                ..
            })
        ));
    });
}

#[test]
fn a_key_actor_ends_the_rotation_whose_old_key_it_has() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.rotate_to("new").await;
        let (actor, _stays) = actor(&house, &old).await;
        let rotation = house.registry.rotation(&Scope::Platform).await;
        let rotation = rotation.unwrap().unwrap();
        let close = || {
            let rotation = rotation.clone();
            Ask::new(CloseRotation { rotation }, soon())
        };
        let closed = actor.send(close()).await.unwrap().unwrap();
        assert!(closed.closed_at.is_some());
        assert_eq!(signed(&actor).await, Err(CustodyError::KeyRetired));
        assert_eq!(actor.send(close()).await.unwrap().unwrap(), closed);
        let retired = actor.send(retire()).await.unwrap().unwrap();
        assert_eq!(retired.state, KeyState::Retired);
    });
}

#[test]
fn a_begun_retirement_is_finished_once() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let (actor, _stays) = actor(&house, &key).await;
        let finish = || Ask::new(FinishRetirement, soon());
        let nothing_to_do = actor.send(finish()).await.unwrap();
        assert_eq!(nothing_to_do, Ok(Finish::Superfluous));
        let begun = house.registry.begin_retirement(&key.handle_id).await;
        assert!(begun.unwrap().marks.blocked);
        assert_eq!(actor.send(finish()).await.unwrap(), Ok(Finish::Done));
        assert_eq!(actor.send(finish()).await.unwrap(), Ok(Finish::Superfluous));
        assert_eq!(house.retires_asked(&key.handle_id), 1);
    });
}

#[test]
fn a_provider_actor_makes_keys_and_rotates_to_them() {
    run(async {
        let house = House::open(Plan::default()).await;
        let provider = house.custody.provider_actor(DOUBLE);
        let provider = provider.unwrap();
        let generate = Generate {
            scope: Scope::Platform,
            key_id: "k1".parse().unwrap(),
            deadline: soon(),
        };
        let made = provider.send(generate).await.unwrap().unwrap();
        let GeneratedOrStanding::Generated(key) = made else {
            panic!("{made:?}");
        };
        let rotate = Rotate {
            scope: Scope::Platform,
            new_key_id: "k2".parse().unwrap(),
            choice: Choice::First,
            deadline: soon(),
        };
        let opened = provider.send(rotate).await.unwrap().unwrap();
        assert!(matches!(opened, OpenedOrStanding::Opened(_)), "{opened:?}");
        let (actor, _stays) = actor(&house, &key).await;
        let read = Ask::new(ReadPublicKey, soon());
        assert_eq!(actor.send(read).await.unwrap(), Some(key.public_key));
    });
}

#[test]
fn an_actor_that_was_let_go_ends_also_when_it_has_signed() {
    run(async {
        let settings = CustodySettings {
            resident_keys: 1,
            ..CustodySettings::new(DeploymentProfile::SelfhostedSingle)
        };
        let house = House::open(Plan {
            settings,
            ..Plan::default()
        })
        .await;
        let key = house.key("k1").await;
        let weak = {
            let (actor, _stays) = actor(&house, &key).await;
            signed(&actor).await.unwrap();
            actor.downgrade()
        };
        assert!(weak.upgrade().is_some());
        let other = house.key("k2").await;
        house.sign(&other).await.unwrap();
        eventually(|| async { weak.upgrade().is_none() }).await;
        assert!(is_good(&house.sign(&key).await.unwrap(), &key));
    });
}

/// How many verifiers there are.
static VERIFIERS: AtomicUsize = AtomicUsize::new(0);

/// A verifier that is counted.
#[derive(Debug)]
struct Counted(Arc<dyn SignatureVerifier>);

impl SignatureVerifier for Counted {
    fn accepts(&self, digest: &Digest, signature: &Signature) -> bool {
        self.0.accepts(digest, signature)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        VERIFIERS.fetch_sub(1, Ordering::SeqCst);
    }
}

fn counted(public_key: &PublicKey) -> Result<Arc<dyn SignatureVerifier>, InvalidPublicKey> {
    let verifier = Counted(verifier_for(public_key)?);
    VERIFIERS.fetch_add(1, Ordering::SeqCst);
    Ok(Arc::new(verifier))
}

#[test]
fn what_verifies_the_signatures_of_a_key_goes_with_its_actor() {
    run(async {
        let settings = CustodySettings {
            resident_keys: 2,
            ..CustodySettings::new(DeploymentProfile::SelfhostedSingle)
        };
        let house = House::open(Plan {
            settings,
            verifier_for: counted,
            ..Plan::default()
        })
        .await;
        for number in 0..8 {
            let key = house.key(&format!("k{number}")).await;
            for _ in 0..3 {
                house.sign(&key).await.unwrap();
            }
        }
        eventually(|| async { VERIFIERS.load(Ordering::SeqCst) <= 2 }).await;
        assert!(VERIFIERS.load(Ordering::SeqCst) > 0);
    });
}

#[test]
fn a_crowd_of_single_signatures_does_not_keep_a_share_from_getting_on() {
    run(async {
        let double = TestDouble::with_max_in_flight(NonZeroUsize::MIN);
        let house = House::open(Plan {
            double,
            ..Plan::default()
        })
        .await;
        let key = house.key("sign-slow-1ms").await;
        let (actor, _stays) = actor(&house, &key).await;
        let singles: Vec<_> = (0..800)
            .map(|_| actix_rt::spawn(actor.send(sign(soon()))))
            .collect();
        eventually(|| async { house.signs_asked(&key) > 0 }).await;
        let made = actor.send(sign_many(10)).await.unwrap().unwrap();
        assert!(made.iter().all(Result::is_ok));
        let waiting = singles.iter().filter(|single| !single.is_finished());
        assert!(waiting.count() > 0, "the share came last");
        for single in singles {
            single.await.unwrap().unwrap().unwrap();
        }
    });
}

#[test]
fn a_retirement_whose_last_answer_got_lost_is_known_to_its_actor_soon() {
    run(async {
        let house = House::open(Plan::default()).await;
        let key = house.key("k1").await;
        let (actor, _stays) = actor(&house, &key).await;
        signed(&actor).await.unwrap();
        house.forget_retirements(1);
        actor.send(retire()).await.unwrap().unwrap_err();
        assert_eq!(house.record(&key.handle_id).await.state, KeyState::Retired);
        signed(&actor).await.unwrap_err();
        eventually(|| async { signed(&actor).await == Err(CustodyError::KeyRetired) }).await;
        assert_eq!(house.retires_asked(&key.handle_id), 1);
    });
}
