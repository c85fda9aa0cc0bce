//! Many signatures at once.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use signer_domain::ports::{KeyProvider as _, KeyProviderError};
use signer_verify::verifier_for;
use tokio::task::JoinSet;

use crate::busy;
use crate::stage::{Stage, digest, soon};

const LATENCY: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_signatures_by_one_key_overlap_at_the_service() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    let verifier = verifier_for(&made.public_key).unwrap();
    stage.server.set_latency(LATENCY);
    let provider = Arc::new(stage.provider);
    let began = Instant::now();
    let mut signers = JoinSet::new();
    for number in 0..100 {
        let (provider, handle) = (Arc::clone(&provider), made.handle_id.clone());
        signers.spawn(async move {
            let signed = provider.sign(&handle, &digest(number), soon()).await;
            (number, signed.unwrap())
        });
    }
    for (number, signature) in signers.join_all().await {
        assert!(verifier.accepts(&digest(number), &signature), "{number}");
    }
    let (elapsed, most) = (began.elapsed(), stage.server.most_at_once());
    assert!(most >= 25, "{most} at once");
    // One after the other they would take 5 s.
    assert!(elapsed < Duration::from_secs(2), "{elapsed:?}");
}

/// AWS goes on to sign for a while after it has disabled a key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_signature_that_is_asked_for_after_the_retirement_is_released() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.server.set_latency(LATENCY);
    let handle = made.handle_id.clone();
    let (provider, retired_at) = (Arc::new(stage.provider), Arc::new(OnceLock::new()));
    let mut signers = JoinSet::new();
    for number in 0..20 {
        let (provider, handle) = (Arc::clone(&provider), handle.clone());
        let retired_at = Arc::clone(&retired_at);
        signers.spawn(async move {
            let (mut before, mut after) = (0, 0);
            while after < 3 {
                let is_after = retired_at.get().is_some();
                let signed = provider.sign(&handle, &digest(number), soon()).await;
                match signed {
                    Ok(_) if is_after => panic!("a retired key has signed"),
                    Ok(_) => before += 1,
                    Err(KeyProviderError::KeyRetired) => {
                        after += usize::from(is_after);
                        tokio::task::yield_now().await;
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            before
        });
    }
    tokio::time::sleep(LATENCY * 4).await;
    provider.retire(&handle, soon()).await.unwrap();
    stage.fake.set_state(handle.rest(), "Enabled");
    retired_at.set(()).unwrap();
    let released: usize = signers.join_all().await.into_iter().sum();
    assert!(released > 0, "nothing was signed before");
}

#[tokio::test]
async fn no_more_calls_are_under_way_than_were_configured() {
    let stage = Stage::with(|settings| {
        settings.limits.max_in_flight = NonZeroUsize::new(4).unwrap();
    })
    .await;
    let made = stage.generate().await.unwrap();
    assert_eq!(stage.provider.capabilities().max_in_flight.get(), 2);
    stage.server.set_latency(Duration::from_millis(50));
    let began = Instant::now();
    let signs = (0..12).map(|_| stage.sign(&made.handle_id));
    for signed in futures_util::future::join_all(signs).await {
        signed.unwrap();
    }
    let elapsed = began.elapsed();
    assert!(elapsed >= Duration::from_millis(150), "{elapsed:?}");
}

#[tokio::test]
async fn a_provider_that_many_ask_to_sign_is_found_well_and_retires_at_once() {
    let stage = Stage::with(|settings| settings.limits = busy::LIMITS).await;
    let made = stage.generate().await.unwrap();
    busy::assert_is_well_and_retires(Arc::new(stage.provider), &made).await;
}
