//! A large batch: whoever else wants something is served while it is under way.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::task::JoinHandle;
use signer_actors::CustodySettings;
use signer_actors::key::{Ask, Sign, SignMany};
use signer_domain::ports::{Custody as _, CustodyError, SignRequest, SignTarget, SignedDigest};
use signer_domain::{Deadline, DeploymentProfile, Digest, SigningKey};
use signer_kit::testdouble::{Call, TestDouble};

use crate::house::{House, Plan, digest, eventually, is_good, run, soon};

const DIGESTS: usize = 512;

/// One signature of each key at a time, as where signing is a computation.
fn plan() -> Plan {
    Plan {
        double: TestDouble::with_max_in_flight(NonZeroUsize::MIN),
        ..Plan::default()
    }
}

async fn keys(house: &House, count: usize) -> Vec<SigningKey> {
    keys_named(house, "k", count).await
}

/// Keys that take their time, so that a batch by them is under way for a while on any machine.
async fn slow_keys(house: &House, count: usize) -> Vec<SigningKey> {
    keys_named(house, "sign-slow-1ms-", count).await
}

async fn keys_named(house: &House, prefix: &str, count: usize) -> Vec<SigningKey> {
    let mut keys = Vec::new();
    for number in 0..count {
        keys.push(house.key(&format!("{prefix}{number}")).await);
    }
    keys
}

type Results = Vec<Result<SignedDigest, CustodyError>>;

fn by(key: &SigningKey) -> SignRequest {
    SignRequest {
        target: SignTarget::Handle(key.handle_id.clone()),
        digest: digest(),
    }
}

/// Starts a batch in which the keys take turns, and waits until its first signature is asked for.
async fn start_batch(house: &House, keys: &[SigningKey]) -> JoinHandle<Results> {
    let custody = Arc::clone(&house.custody);
    let requests = keys.iter().cycle().take(DIGESTS).map(by).collect();
    let before = signs(house);
    let batch = actix_rt::spawn(async move { custody.sign_batch(requests, soon()).await.unwrap() });
    while signs(house) == before {
        tokio::task::yield_now().await;
    }
    batch
}

/// How many signatures the provider was asked for so far.
fn signs(house: &House) -> usize {
    let calls = house.double.calls();
    calls
        .iter()
        .filter(|call| matches!(call, Call::Sign { .. }))
        .count()
}

#[test]
fn every_digest_is_signed_by_the_key_that_was_named() {
    run(async {
        let house = House::open(plan()).await;
        for count in [1, 3, 40] {
            let keys = keys(&house, count).await;
            let results = start_batch(&house, &keys).await.await.unwrap();
            assert_eq!(results.len(), DIGESTS);
            for (signed, key) in results.iter().zip(keys.iter().cycle()) {
                assert!(is_good(signed.as_ref().unwrap(), key), "{count} keys");
            }
        }
    });
}

#[test]
fn a_single_signature_does_not_wait_for_the_rest_of_the_batch() {
    run(async {
        let house = House::open(plan()).await;
        let key = house.key("k1").await;
        let actor = house.custody.key_actor(&key.handle_id, soon()).await;
        let (actor, _stays) = actor.unwrap();
        let single = Digest::from_bytes([1; 64]);
        let digests = vec![digest(); DIGESTS];
        let batch = actor.send(Ask::new(SignMany { digests }, soon()));
        let batch = actix_rt::spawn(batch);
        let signed = actor.send(Ask::new(Sign { digest: single }, soon()));
        signed.await.unwrap().unwrap();
        assert_eq!(batch.await.unwrap().unwrap().unwrap().len(), DIGESTS);
        let calls = house.double.calls();
        let is_single =
            |call: &&Call| matches!(call, Call::Sign { digest, .. } if *digest == single);
        let signs = calls
            .iter()
            .filter(|call| matches!(call, Call::Sign { .. }));
        let before = signs.take_while(|call| !is_single(call)).count();
        assert!(
            before < DIGESTS / 2,
            "{before} of the batch were signed first"
        );
    });
}

#[test]
fn a_retirement_does_not_wait_for_the_rest_of_the_batch() {
    run(async {
        for (count, prefix) in [
            (1, "sign-slow-1ms-"),
            (8, "sign-slow-5ms-"),
            (64, "sign-slow-40ms-"),
        ] {
            let house = House::open(plan()).await;
            let keys = keys_named(&house, prefix, count).await;
            let batch = start_batch(&house, &keys).await;
            let last = keys.last().unwrap();
            house.retire(last).await.unwrap();
            let calls = house.double.calls();
            let mut calls = calls.iter();
            let retired = calls.position(|call| matches!(call, Call::Retire { .. }));
            let before = retired.unwrap() - count;
            // Far more than it waits for: the call has to find its way through busy threads too.
            assert!(before < DIGESTS / 2, "{count} keys: {before} signs first");
            let results = batch.await.unwrap();
            for (signed, key) in results.iter().zip(keys.iter().cycle()) {
                let is_retired = key.handle_id == last.handle_id;
                assert_eq!(signed.is_err(), is_retired, "{count} keys: {signed:?}");
            }
        }
    });
}

#[test]
fn a_batch_by_many_keys_leaves_others_their_room_at_the_provider() {
    run(async {
        let settings = CustodySettings {
            max_in_flight: 16,
            ..CustodySettings::new(DeploymentProfile::SelfhostedSingle)
        };
        let house = House::open(Plan { settings, ..plan() }).await;
        let other = house.key("other").await;
        let keys = slow_keys(&house, 64).await;
        let batch = start_batch(&house, &keys).await;
        let mut served = 0;
        while !batch.is_finished() {
            let signed = house.sign(&other).await;
            assert!(signed.is_ok(), "{signed:?} after {served}");
            served += 1;
        }
        assert!(served > 1, "the batch was over too soon to show anything");
        assert!(batch.await.unwrap().iter().all(Result::is_ok));
    });
}

#[test]
fn a_key_that_grants_no_turn_holds_up_no_other_one() {
    run(async {
        let house = House::open(plan()).await;
        let stuck = house.key("retire-hangs").await;
        let good = house.key("good").await;
        let retirement = {
            let (custody, handle) = (Arc::clone(&house.custody), stuck.handle_id.clone());
            actix_rt::spawn(async move { custody.retire(handle, soon()).await })
        };
        let is_retire = |call: &Call| matches!(call, Call::Retire { .. });
        eventually(|| async { house.double.calls().iter().any(is_retire) }).await;
        let mut requests = vec![by(&stuck); DIGESTS];
        requests.extend(vec![by(&good); DIGESTS]);
        let deadline = Deadline::after(Duration::from_secs(3));
        let results = house.custody.sign_batch(requests, deadline).await.unwrap();
        let (late, signed) = results.split_at(DIGESTS);
        for result in late {
            assert_eq!(*result, Err(CustodyError::DeadlineExceeded));
        }
        for result in signed {
            assert!(is_good(result.as_ref().unwrap(), &good));
        }
        retirement.abort();
    });
}
