//! Many calls at once.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::{Duration, Instant};

use signer_azure_kv::AzureKvMode;
use signer_domain::ports::KeyProvider as _;

use crate::busy;
use crate::subject::{DIGEST, Subject, is_right, soon};

#[tokio::test]
async fn a_hundred_signatures_by_one_key_overlap_and_each_is_one_call() {
    let subject = Subject::with_envelopes();
    let key = subject.generate("k1").await.unwrap();
    subject.assert_signs(&key).await;
    let before = subject.stage.server.requests().len();
    subject.stage.server.set_latency(Duration::from_millis(50));
    let began = Instant::now();
    let signatures = (0..100).map(|_| subject.sign(&key));
    for signature in futures_util::future::join_all(signatures).await {
        assert!(is_right(&key, &signature.unwrap()));
    }
    // One after the other they would take five seconds.
    assert!(
        began.elapsed() < Duration::from_millis(2500),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(subject.stage.server.requests().len() - before, 100);
}

#[tokio::test]
async fn calls_stay_within_the_limits_of_the_operator() {
    let subject = Subject::with_envelopes();
    let key = subject.generate("k1").await.unwrap();
    let mut settings = subject.stage.settings(AzureKvMode::Envelope);
    settings.limits.max_in_flight = NonZeroUsize::new(4).unwrap();
    settings.limits.per_second = NonZeroU32::new(20).unwrap();
    let modest = Arc::new(subject.stage.open_as(&settings));
    assert_eq!(modest.capabilities().max_in_flight.get(), 2);
    let began = Instant::now();
    let signatures = (0..30).map(|_| modest.sign(&key.handle_id, &DIGEST, soon()));
    for signature in futures_util::future::join_all(signatures).await {
        assert!(is_right(&key, &signature.unwrap()));
    }
    assert!(
        began.elapsed() >= Duration::from_millis(450),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_provider_that_many_ask_to_sign_is_found_well_and_retires_at_once() {
    for (subject, mode) in [
        (Subject::with_envelopes(), AzureKvMode::Envelope),
        (Subject::native(), AzureKvMode::Native),
    ] {
        let key = subject.generate("k1").await.unwrap();
        let mut settings = subject.stage.settings(mode);
        settings.limits = busy::LIMITS;
        let modest = Arc::new(subject.stage.open_as(&settings));
        busy::assert_is_well_and_retires(modest, &key).await;
    }
}
