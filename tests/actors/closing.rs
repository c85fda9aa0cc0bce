//! Closing a rotation: at once, for good, and the provider learns of it whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use signer_actors::{ActorCustody, CustodySettings, DrivenPorts};
use signer_domain::ports::{
    CloseRotation, Custody as _, CustodyError, Presence, RetirementStage, Retirements as _,
    Rotations as _, SignRequest, SignTarget,
};
use signer_domain::{Deadline, DeploymentProfile, HandleId, KeyState, Scope, SigningKey};
use signer_kit::registry::MemoryRegistry;
use signer_kit::testdouble::{Failure, Operation};
use signer_verify::verifier_for;

use crate::house::{House, Plan, digest, eventually, in_time, is_good, run, soon};
use crate::notes::Notes;

/// What a close may take at most, however ill the provider is.
const PROMPTLY: Duration = Duration::from_secs(3);

/// Closes the rotation and says that it was prompt.
async fn close_promptly(house: &House, old: &SigningKey) {
    let began = Instant::now();
    let old_key_id = old.key_id.as_str();
    house.close_rotation(old_key_id, "new").await.unwrap();
    assert!(began.elapsed() < PROMPTLY, "{:?}", began.elapsed());
}

async fn is_confirmed(house: &House) -> bool {
    let left = house
        .registry
        .unsettled_retirements(RetirementStage::Unconfirmed)
        .await;
    left.unwrap().is_empty()
}

#[test]
fn the_provider_is_told_after_the_answer_and_once() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.rotate_to("new").await;
        close_promptly(&house, &old).await;
        eventually(|| is_confirmed(&house)).await;
        assert_eq!(house.retires_asked(&old.handle_id), 1);
        house.close_rotation("old", "new").await.unwrap();
        assert!(house.notes.taken().is_empty(), "nothing was late");
    });
}

#[test]
fn a_key_that_a_rotation_has_retired_is_not_missed_when_it_is_looked_at() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("public-key-missing").await;
        house.sign(&old).await.unwrap();
        house.rotate_to("new").await;
        close_promptly(&house, &old).await;
        let handle = || old.handle_id.clone();
        let shown = house.custody.public_key(handle(), soon()).await.unwrap();
        assert_eq!(shown.public_key, old.public_key);
        let shown = house.custody.key(handle(), soon()).await.unwrap();
        assert_eq!(shown.presence, Presence::Assumed);
        assert_eq!(house.metric("keys_missing"), 0);
    });
}

#[test]
fn a_provider_that_hangs_over_the_old_key_keeps_nobody_waiting() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("retire-hangs").await;
        let new = house.rotate_to("new").await;
        close_promptly(&house, &old).await;
        assert_eq!(house.sign(&old).await, Err(CustodyError::KeyRetired));
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &new));
        assert!(!is_confirmed(&house).await);
    });
}

#[test]
fn an_early_retirement_over_which_the_provider_hangs_does_not_keep_the_rotation_open() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("retire-hangs-once").await;
        let new = house.rotate_to("new").await;
        let (custody, handle) = (Arc::clone(&house.custody), old.handle_id.clone());
        let deadline = Deadline::after(Duration::from_secs(2));
        let retire = actix_rt::spawn(async move { custody.retire(handle, deadline).await });
        eventually(|| async { house.retires_asked(&old.handle_id) == 1 }).await;
        close_promptly(&house, &old).await;
        assert_eq!(house.sign(&old).await, Err(CustodyError::KeyRetired));
        assert!(is_good(&house.sign_for_scope().await.unwrap(), &new));
        retire.await.unwrap().unwrap_err();
        let again = house.retire(&old).await.unwrap();
        assert_eq!(again.state, KeyState::Retired);
        eventually(|| is_confirmed(&house)).await;
    });
}

#[test]
fn a_signature_that_takes_longer_than_the_end_of_the_rotation_is_not_released() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("sign-slow-1500ms").await;
        house.rotate_to("new").await;
        // The provider would make the signature all the same.
        house
            .double
            .inject_failure(Operation::Retire, Failure::Misconfigured);
        let sign = house.start_sign(&old);
        eventually(|| async { house.signs_asked(&old) == 1 }).await;
        close_promptly(&house, &old).await;
        assert!(!sign.is_finished());
        assert_eq!(sign.await.unwrap(), Err(CustodyError::KeyRetired));
    });
}

#[test]
fn a_request_for_a_scope_whose_signature_comes_too_late_is_signed_by_the_new_key() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("sign-slow-1500ms").await;
        house
            .double
            .inject_failure(Operation::Retire, Failure::Misconfigured);
        let custody = Arc::clone(&house.custody);
        let sign = actix_rt::spawn(async move { custody.sign(for_scope(), soon()).await });
        eventually(|| async { house.signs_asked(&old) == 1 }).await;
        let new = house.rotate_to("new").await;
        close_promptly(&house, &old).await;
        assert!(!sign.is_finished());
        assert!(is_good(&sign.await.unwrap().unwrap(), &new));
    });
}

#[test]
fn signatures_that_are_under_way_are_waited_for() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("sign-slow-300ms").await;
        house.rotate_to("new").await;
        let sign = house.start_sign(&old);
        eventually(|| async { house.signs_asked(&old) == 1 }).await;
        close_promptly(&house, &old).await;
        assert!(sign.is_finished(), "the end overtook a sign");
        assert!(is_good(&sign.await.unwrap().unwrap(), &old));
    });
}

#[test]
fn a_provider_that_is_down_hears_of_the_retirement_when_it_is_back() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.sign(&old).await.unwrap();
        house.rotate_to("new").await;
        house.take_provider_down().await;
        close_promptly(&house, &old).await;
        assert_eq!(house.retires_asked(&old.handle_id), 0);
        house.bring_provider_back().await;
        eventually(|| is_confirmed(&house)).await;
        assert_eq!(house.retires_asked(&old.handle_id), 1);
        assert_eq!(house.sign(&old).await, Err(CustodyError::KeyRetired));
        let notes = house.notes.taken();
        let [late] = notes.as_slice() else {
            panic!("{notes:?}");
        };
        assert_eq!((late.op, late.http_status), ("repair", 200));
        assert_eq!(late.key.handle_id.as_ref(), Some(&old.handle_id));
        assert_eq!(late.peer.unwrap().pid, std::process::id());
    });
}

#[test]
fn the_provider_is_told_again_and_again_until_it_has_done_it() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.rotate_to("new").await;
        house
            .double
            .inject_failures(Operation::Retire, Failure::Misconfigured, 2);
        close_promptly(&house, &old).await;
        eventually(|| is_confirmed(&house)).await;
        assert_eq!(house.retires_asked(&old.handle_id), 3);
    });
}

#[test]
fn the_next_start_tells_the_provider_what_the_last_one_could_not() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.rotate_to("new").await;
        house.take_provider_down().await;
        close_promptly(&house, &old).await;
        let next = house.restarted().await;
        eventually(|| is_confirmed(&next)).await;
        assert_eq!(next.retires_asked(&old.handle_id), 1);
        assert_eq!(next.sign(&old).await, Err(CustodyError::KeyRetired));
        assert_eq!(next.notes.taken().len(), 1);
    });
}

#[test]
fn a_rotation_is_closed_even_when_no_provider_of_its_keys_is_configured_any_more() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.rotate_to("new").await;
        let ports = DrivenPorts {
            registry: Arc::<MemoryRegistry>::clone(&house.registry),
            audit: Arc::<Notes>::default(),
            verifier_for,
        };
        let settings = CustodySettings::new(DeploymentProfile::SelfhostedSingle);
        let bare =
            ActorCustody::start(settings, ports, Vec::new(), &mut Registry::default()).unwrap();
        let request = CloseRotation {
            scope: Scope::Platform,
            old_key_id: old.key_id.clone(),
            new_key_id: "new".parse().unwrap(),
        };
        bare.close_rotation(request, soon()).await.unwrap();
        let record = house.record(&old.handle_id).await;
        assert_eq!(record.state, KeyState::Retired);
    });
}

#[test]
fn a_key_whose_record_was_read_before_the_end_does_not_sign_after_it() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.rotate_to("new").await;
        let (was_read, go) = house.hold_next_record();
        let sign = house.start_sign(&old);
        in_time(was_read).await.unwrap();
        close_promptly(&house, &old).await;
        go.send(()).unwrap();
        assert_eq!(sign.await.unwrap(), Err(CustodyError::KeyRetired));
        assert_eq!(house.signs_asked(&old), 0);
    });
}

#[test]
fn an_end_whose_answer_got_lost_is_made_sure_of_by_closing_again() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        house.sign(&old).await.unwrap();
        house.rotate_to("new").await;
        house.sign(&old).await.unwrap();
        house.forget_retirements(1);
        let lost = house.close_rotation("old", "new").await;
        assert!(matches!(
            lost,
            Err(CustodyError::RegistryUnavailable { .. })
        ));
        // The record is read again before the key is used, and it says that the key is retired.
        assert_eq!(house.sign(&old).await, Err(CustodyError::KeyRetired));
        close_promptly(&house, &old).await;
        eventually(|| is_confirmed(&house)).await;
        assert_eq!(house.retires_asked(&old.handle_id), 1);
    });
}

#[test]
fn no_signature_is_released_after_the_end_of_the_rotation_was_acknowledged() {
    run(async {
        let house = House::open(Plan::default()).await;
        let mut old = house.key("sign-slow-1ms-0").await;
        for round in 1..=15 {
            let name = format!("sign-slow-1ms-{round}");
            let new = house.rotate_to(&name).await;
            let acknowledged = Arc::new(AtomicBool::new(false));
            let signs: Vec<_> = (0..64)
                .map(|_| race_to_sign(&house, &old, Arc::clone(&acknowledged)))
                .collect();
            eventually(|| async { house.signs_asked(&old) >= 1 }).await;
            let closed = house.close_rotation(old.key_id.as_str(), &name).await;
            acknowledged.store(true, Ordering::SeqCst);
            closed.unwrap();
            for sign in signs {
                sign.await.unwrap();
            }
            old = new;
        }
    });
}

fn race_to_sign(
    house: &House,
    key: &SigningKey,
    acknowledged: Arc<AtomicBool>,
) -> actix_rt::task::JoinHandle<()> {
    let (custody, key) = (Arc::clone(&house.custody), key.clone());
    actix_rt::spawn(async move {
        let signed = custody.sign(by(&key.handle_id), soon()).await;
        let is_late = acknowledged.load(Ordering::SeqCst);
        match signed {
            Ok(signed) => assert!(is_good(&signed, &key) && !is_late),
            Err(error) => assert_eq!(error, CustodyError::KeyRetired),
        }
    })
}

fn for_scope() -> SignRequest {
    SignRequest {
        target: SignTarget::Scope(Scope::Platform),
        digest: digest(),
    }
}

fn by(handle: &HandleId) -> SignRequest {
    SignRequest {
        target: SignTarget::Handle(handle.clone()),
        digest: digest(),
    }
}

#[test]
fn a_batch_that_outlives_a_whole_rotation_releases_nothing_by_the_old_key_and_loses_nothing() {
    run(async {
        let house = House::open(Plan::default()).await;
        let old = house.key("old").await;
        let slow = house.key("sign-slow-1000ms").await;
        let requests = vec![for_scope(), by(&old.handle_id), by(&slow.handle_id)];
        let custody = Arc::clone(&house.custody);
        let batch = actix_rt::spawn(async move { custody.sign_batch(requests, soon()).await });
        eventually(|| async { house.signs_asked(&old) == 2 && house.signs_asked(&slow) == 1 })
            .await;
        let new = house.rotate_to("new").await;
        close_promptly(&house, &old).await;
        assert!(!batch.is_finished(), "the batch was to be still waiting");
        let results = batch.await.unwrap().unwrap();
        assert!(is_good(results[0].as_ref().unwrap(), &new));
        assert_eq!(results[1], Err(CustodyError::KeyRetired));
        assert!(is_good(results[2].as_ref().unwrap(), &slow));
    });
}
