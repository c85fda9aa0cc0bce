//! Cases on a back end that cannot be reached for a while.

use signer_domain::ports::KeyProviderError;

use super::Outages;
use super::subject::{Subject, assert_fails, digest, soon};

/// The cause is named as what it is: worth trying again, and nobody's key is lost.
pub async fn an_outage_makes_every_call_unavailable<F: Outages>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    fixture.begin_outage().await;
    let handle = &key.handle_id;
    assert_fails!(
        subject.sign(handle, &digest(1)).await,
        KeyProviderError::ProviderUnavailable { .. }
    );
    assert_fails!(
        subject.public_key(handle).await,
        KeyProviderError::ProviderUnavailable { .. }
    );
    assert_fails!(
        subject.generate("k2").await,
        KeyProviderError::ProviderUnavailable { .. }
    );
    assert_fails!(
        subject.locate("k2").await,
        KeyProviderError::ProviderUnavailable { .. }
    );
    assert_fails!(
        subject.retire(handle).await,
        KeyProviderError::ProviderUnavailable { .. }
    );
}

/// The check tells an outage before a request does.
pub async fn an_outage_fails_the_check<F: Outages>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    fixture.begin_outage().await;
    assert_fails!(
        subject.provider.check(soon()).await,
        KeyProviderError::ProviderUnavailable { .. }
    );
    fixture.end_outage().await;
    subject.provider.check(soon()).await.unwrap();
}

/// The same provider serves the same keys again, without being opened anew.
pub async fn serves_again_after_an_outage<F: Outages>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let signature = subject.sign(&key.handle_id, &digest(1)).await.unwrap();
    for _ in 0..2 {
        fixture.begin_outage().await;
        assert_fails!(
            subject.sign(&key.handle_id, &digest(1)).await,
            KeyProviderError::ProviderUnavailable { .. }
        );
        fixture.end_outage().await;
        assert_eq!(
            subject.sign(&key.handle_id, &digest(1)).await.unwrap(),
            signature
        );
    }
}

/// Whatever became of the first try, the second leaves one pair.
pub async fn a_generate_in_an_outage_is_safe_to_repeat<F: Outages>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    fixture.begin_outage().await;
    assert_fails!(
        subject.generate("k1").await,
        KeyProviderError::ProviderUnavailable { .. }
    );
    fixture.end_outage().await;
    let left_behind = subject.locate("k1").await.unwrap();
    let key = subject.key("k1").await;
    if let Some(left_behind) = left_behind {
        assert_eq!(left_behind, key);
    }
    assert_eq!(subject.locate("k1").await.unwrap(), Some(key));
}
