//! Many signatures at once.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use signer_adapters::verifier_for;
use signer_domain::ports::KeyProvider as _;
use tokio::task::JoinSet;

use crate::stage::{Stage, digest, soon};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_signatures_by_one_key_overlap() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    let verifier = verifier_for(&made.public_key).unwrap();
    let latency = Duration::from_millis(50);
    stage.server.set_latency(latency);
    let provider = Arc::new(stage.provider);
    let (under_way, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let began = Instant::now();
    let mut signers = JoinSet::new();
    for number in 0..100 {
        let (provider, handle) = (Arc::clone(&provider), made.handle_id.clone());
        let (under_way, most) = (Arc::clone(&under_way), Arc::clone(&most));
        signers.spawn(async move {
            most.fetch_max(
                under_way.fetch_add(1, Ordering::SeqCst) + 1,
                Ordering::SeqCst,
            );
            let signed = provider.sign(&handle, &digest(number), soon()).await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            (number, signed.unwrap())
        });
    }
    for (number, signature) in signers.join_all().await {
        assert!(verifier.accepts(&digest(number), &signature), "{number}");
    }
    assert!(most.load(Ordering::SeqCst) >= 50, "{most:?} at once");
    // One after the other they would take 5 s.
    assert!(began.elapsed() < latency * 50, "{:?}", began.elapsed());
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
