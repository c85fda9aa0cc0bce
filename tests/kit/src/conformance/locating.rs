//! Cases on `locate`, by which an interrupted `generate` is repaired.

use super::Fixture;
use super::oracle::assert_accepted;
use super::subject::{Subject, digest};

/// `None` means that there is certainly no such pair.
pub async fn locates_nothing_before_it_is_generated<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    subject.key("k1").await;
    assert_eq!(subject.locate("k2").await.unwrap(), None);
    assert_eq!(subject.locate("k").await.unwrap(), None);
}

/// What was generated is found under its names, and it is the whole of it.
pub async fn locates_what_was_generated<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let (one, other) = (subject.key("k1").await, subject.key("k2").await);
    assert_eq!(subject.locate("k1").await.unwrap(), Some(one));
    assert_eq!(subject.locate("k2").await.unwrap(), Some(other));
}

/// Looking neither makes a key nor harms one.
pub async fn locating_changes_nothing<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    for _ in 0..2 {
        assert_eq!(subject.locate("k1").await.unwrap(), None);
    }
    let key = subject.key("k1").await;
    subject.locate("k1").await.unwrap();
    assert_eq!(subject.key("k1").await, key);
    let signature = subject.sign(&key.handle_id, &digest(1)).await.unwrap();
    assert_accepted(&key.public_key, &digest(1), &signature);
}
