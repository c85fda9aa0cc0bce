//! One rotation after the other while everybody signs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use actix_rt::Arbiter;
use parking_lot::Mutex;
use signer_actors::ActorCustody;
use signer_domain::Scope;
use signer_domain::ports::{
    Custody as _, CustodyError, Rotations as _, SignRequest, SignTarget, SignedDigest,
    VerificationKeys,
};

use crate::house::{House, Plan, digest, is_good, released, run, soon};

const THREADS: usize = 4;
const SIGNERS_PER_THREAD: usize = 8;
const ROTATIONS: usize = 25;

type Results = Arc<Mutex<Vec<Result<SignedDigest, CustodyError>>>>;

fn for_scope() -> SignRequest {
    SignRequest {
        target: SignTarget::Scope(Scope::Platform),
        digest: digest(),
    }
}

async fn sign_until(custody: Arc<ActorCustody>, is_over: Arc<AtomicBool>, results: Results) {
    let mut count = 0_usize;
    while !is_over.load(Ordering::SeqCst) {
        count += 1;
        let signed = if count.is_multiple_of(8) {
            let batch = custody.sign_batch(vec![for_scope(); 4], soon()).await;
            batch.unwrap()
        } else {
            vec![custody.sign(for_scope(), soon()).await]
        };
        results.lock().extend(signed.into_iter().map(released));
        // An answer may be there at once, and then nobody else gets to run.
        tokio::task::yield_now().await;
    }
}

#[test]
fn no_request_for_a_scope_fails_and_every_signature_verifies_under_the_key_it_names() {
    run(async {
        let house = House::open(Plan::default()).await;
        house.key("k0").await;
        let (results, is_over) = (Results::default(), Arc::new(AtomicBool::new(false)));
        let threads: Vec<_> = (0..THREADS).map(|_| Arbiter::new()).collect();
        for thread in &threads {
            for _ in 0..SIGNERS_PER_THREAD {
                let custody = Arc::clone(&house.custody);
                let signing = sign_until(custody, Arc::clone(&is_over), Arc::clone(&results));
                assert!(thread.spawn(signing));
            }
        }
        for rotation in 0..ROTATIONS {
            let (old, new) = (format!("k{rotation}"), format!("k{}", rotation + 1));
            house.rotate_to(&new).await;
            house.close_rotation(&old, &new).await.unwrap();
        }
        is_over.store(true, Ordering::SeqCst);
        for thread in threads {
            thread.stop();
            thread.join().unwrap();
        }
        let keys = house.custody.verification_keys(
            Scope::Platform,
            VerificationKeys::WithRetired,
            None,
            soon(),
        );
        let keys: HashMap<_, _> = keys
            .await
            .unwrap()
            .keys
            .into_iter()
            .map(|key| (key.handle_id.clone(), key))
            .collect();
        let results = results.lock();
        assert!(results.len() > ROTATIONS, "hardly anybody signed");
        for signed in results.iter() {
            let signed = signed.as_ref().unwrap();
            assert!(is_good(signed, &keys[&signed.handle_id]));
        }
    });
}
