//! Cases on what outlives the process: the keys.

use super::Fixture;
use super::subject::{Subject, digest};

/// The handle is all that a later process needs to sign.
pub async fn a_reopened_provider_signs_with_the_same_key<F: Fixture>(fixture: &F) {
    let before = Subject::of(fixture).await;
    let key = before.key("k1").await;
    let signature = before.sign(&key.handle_id, &digest(1)).await.unwrap();
    let after = before.reopened(fixture).await;
    drop(before);
    assert_eq!(
        after.sign(&key.handle_id, &digest(1)).await.unwrap(),
        signature
    );
}

/// So it is for reading the public half.
pub async fn a_reopened_provider_shows_the_same_public_key<F: Fixture>(fixture: &F) {
    let before = Subject::of(fixture).await;
    let key = before.key("k1").await;
    let after = before.reopened(fixture).await;
    drop(before);
    assert_eq!(
        after.public_key(&key.handle_id).await.unwrap(),
        key.public_key
    );
}

/// A `generate` whose answer was lost with the process is repeated without a second pair.
pub async fn generating_again_after_reopening_gives_the_same_pair<F: Fixture>(fixture: &F) {
    let before = Subject::of(fixture).await;
    let key = before.key("k1").await;
    let after = before.reopened(fixture).await;
    drop(before);
    assert_eq!(after.key("k1").await, key);
    assert_eq!(after.locate("k1").await.unwrap(), Some(key));
}
