//! Cases on the provider as a whole.

use std::time::{Duration, Instant};

use signer_domain::Deadline;
use signer_domain::ports::KeyProviderError;

use super::Fixture;
use super::subject::{Subject, digest, key_id, soon};

/// What a provider says of itself does not depend on what it did.
pub async fn its_capabilities_are_constant_and_sane<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let before = subject.provider.capabilities();
    assert!(before.max_in_flight.get() <= 1024, "{before:?}");
    let key = subject.key("k1").await;
    subject.retire(&key.handle_id).await.unwrap();
    assert_eq!(subject.provider.capabilities(), before);
    let reopened = subject.reopened(fixture).await;
    assert_eq!(reopened.provider.capabilities(), before);
}

/// A healthy back end passes, before and after work.
pub async fn passes_its_own_check<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    subject.provider.check(soon()).await.unwrap();
    subject.key("k1").await;
    subject.provider.check(soon()).await.unwrap();
    subject.provider.check(soon()).await.unwrap();
}

/// Nobody waits for an answer that comes too late: it is the result or "unavailable", at once.
pub async fn an_expired_deadline_is_answered_at_once<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let (provider, handle, past) = (
        &subject.provider,
        &key.handle_id,
        Deadline::at(Instant::now()),
    );
    let start = Instant::now();
    let outcomes = [
        provider.sign(handle, &digest(1), past).await.err(),
        provider.public_key(handle, past).await.err(),
        provider
            .generate(&subject.scope, &key_id("k2"), past)
            .await
            .err(),
        provider
            .locate(&subject.scope, &key_id("k2"), past)
            .await
            .err(),
        provider.check(past).await.err(),
        provider.retire(handle, past).await.err(),
    ];
    assert!(start.elapsed() < Duration::from_secs(2));
    for error in outcomes.into_iter().flatten() {
        let is_unavailable = matches!(error, KeyProviderError::ProviderUnavailable { .. });
        assert!(is_unavailable, "{error:?}");
    }
}

/// `Debug` is short and holds none of the secrets the provider was given.
pub async fn debug_shows_no_secret<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    subject.sign(&key.handle_id, &digest(1)).await.unwrap();
    let shown = format!("{0:?} {0:#?}", subject.provider).to_lowercase();
    assert!(shown.len() < 1000, "{shown}");
    for secret in fixture.secrets() {
        let hex = secret.iter().map(|byte| format!("{byte:02x}"));
        let hex = hex.collect::<Vec<_>>().concat();
        let decimal = secret.iter().map(u8::to_string).collect::<Vec<_>>();
        let text = String::from_utf8_lossy(&secret).to_lowercase();
        for spelling in [hex, decimal.join(", "), text] {
            assert!(!shown.contains(&spelling), "Debug shows a secret");
        }
    }
}
