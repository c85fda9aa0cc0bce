//! Cases on `generate`.

use std::collections::HashSet;

use signer_domain::{HandleId, KeyId, Scope};
use tokio::task::JoinSet;

use super::Fixture;
use super::oracle::assert_accepted;
use super::subject::{Subject, digest};

/// A handle reads back by the domain's grammar and names the provider that made it.
pub async fn the_handle_opens_with_the_name_of_the_provider<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    assert_eq!(
        key.handle_id.provider(),
        subject.provider.capabilities().name
    );
    assert_eq!(
        HandleId::parse(key.handle_id.as_str()).unwrap(),
        key.handle_id
    );
}

/// `public_key` reads what `generate` said.
pub async fn the_public_key_is_the_generated_one<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    assert_eq!(
        subject.public_key(&key.handle_id).await.unwrap(),
        key.public_key
    );
}

/// Both kinds of scope hold keys that sign.
pub async fn serves_the_platform_and_the_domains<F: Fixture>(fixture: &F) {
    let in_domain = Subject::of(fixture).await;
    let in_platform = in_domain.in_scope(Scope::Platform);
    for subject in [in_domain, in_platform] {
        let key = subject.key("k1").await;
        let signature = subject.sign(&key.handle_id, &digest(1)).await.unwrap();
        assert_accepted(&key.public_key, &digest(1), &signature);
    }
}

/// A key id is unique inside its scope only.
pub async fn one_name_in_two_scopes_gives_two_keys<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let here = subject.key("k1").await;
    let there = subject.in_scope(Scope::Platform).key("k1").await;
    assert_ne!(here.handle_id, there.handle_id);
    assert_ne!(here.public_key, there.public_key);
}

/// Names are compared byte for byte, whatever the back end does with case and punctuation.
pub async fn look_alike_names_give_different_keys<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let names = ["k1", "K1", "k-1", "k_1", "k.1", "k~1", "k11", "k1-"];
    let (mut handles, mut public_keys) = (HashSet::new(), HashSet::new());
    for name in names {
        let key = subject.key(name).await;
        handles.insert(key.handle_id);
        public_keys.insert(key.public_key);
    }
    assert_eq!(
        (handles.len(), public_keys.len()),
        (names.len(), names.len())
    );
}

/// The longest scope with the longest key id; their last characters count.
pub async fn serves_the_longest_names<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let stem = "k".repeat(KeyId::MAX_LEN - 1);
    let one = subject.key(&format!("{stem}a")).await;
    let other = subject.key(&format!("{stem}b")).await;
    assert_ne!(one.public_key, other.public_key);
    for key in [one, other] {
        let signature = subject.sign(&key.handle_id, &digest(1)).await.unwrap();
        assert_accepted(&key.public_key, &digest(1), &signature);
    }
}

/// `generate` is idempotent on (scope, key id).
pub async fn generating_again_gives_the_same_pair<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let first = subject.key("k1").await;
    let signature = subject.sign(&first.handle_id, &digest(1)).await.unwrap();
    assert_eq!(subject.key("k1").await, first);
    assert_eq!(
        subject.sign(&first.handle_id, &digest(1)).await.unwrap(),
        signature
    );
}

/// Keys made at once do not mix up their names.
pub async fn concurrent_generates_of_many_names_give_as_many_pairs<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let mut askers = JoinSet::new();
    for number in 0..16 {
        let subject = subject.clone();
        askers.spawn(async move { (number, subject.key(&format!("k{number}")).await) });
    }
    let keys = askers.join_all().await;
    let distinct: HashSet<_> = keys.iter().map(|(_, key)| key.public_key).collect();
    assert_eq!(distinct.len(), keys.len());
    for (number, key) in keys {
        assert_eq!(subject.key(&format!("k{number}")).await, key);
    }
}
