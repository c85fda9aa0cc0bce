//! A custodian that does not learn what became of its call makes no second key.

use signer_adapters::providers::azure_kv::AzureKvMode;
use signer_cloud_fakes::Fault;
use signer_domain::ports::KeyProvider as _;
use signer_domain::ports::KeyProviderError::ProviderUnavailable;
use signer_domain::{KeyId, Scope};

use crate::subject::{Subject, generate, soon};

#[tokio::test]
async fn a_key_whose_making_was_not_answered_is_completed_by_the_next_call() {
    for subject in [Subject::with_envelopes(), Subject::native()] {
        subject.inject(1, "create", Fault::LoseAnswer);
        let outcome = subject.generate("k1").await;
        assert!(
            matches!(
                outcome,
                Err(ProviderUnavailable {
                    outcome_unknown: true,
                    ..
                })
            ),
            "{outcome:?}"
        );
        assert_eq!(subject.stage.vault.versions(), 1);
        let key = subject.generate("k1").await.unwrap();
        subject.assert_signs(&key).await;
        assert_eq!(subject.stage.vault.versions(), 1, "no second one");
        assert_eq!(subject.generate("k1").await.unwrap(), key);
    }
}

/// Each step of making a key fails once for good, as it does for a custodian that dies there.
#[tokio::test]
async fn a_key_that_was_left_half_made_is_completed_by_the_next_process() {
    for step in ["wrapkey", "unwrapkey", "update"] {
        let subject = Subject::with_envelopes();
        subject.inject(3, step, Fault::Cut);
        subject.generate("k1").await.unwrap_err();
        let key_id = KeyId::parse("k1").unwrap();
        let located = subject
            .provider
            .locate(&Scope::Platform, &key_id, soon())
            .await;
        assert_eq!(located.unwrap(), None, "after {step}: nobody has the key");
        let next = subject.stage.open(AzureKvMode::Envelope);
        let key = generate(&next, "k1").await.unwrap();
        subject.assert_signs(&key).await;
        assert_eq!(subject.stage.vault.versions(), 1, "after {step}");
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_after_the_key_was_complete_changes_nothing() {
    let subject = Subject::with_envelopes();
    subject.inject(3, "update", Fault::LoseAnswer);
    subject.generate("k1").await.unwrap_err();
    let key = subject.generate("k1").await.unwrap();
    let key_id = KeyId::parse("k1").unwrap();
    let located = subject
        .provider
        .locate(&Scope::Platform, &key_id, soon())
        .await;
    assert_eq!(located.unwrap(), Some(key.clone()));
    subject.assert_signs(&key).await;
    assert_eq!(
        (subject.stage.vault.versions(), subject.calls("wrapkey")),
        (1, 1)
    );
}

#[tokio::test]
async fn a_retirement_that_was_not_answered_is_repeated() {
    for subject in [Subject::with_envelopes(), Subject::native()] {
        let key = subject.generate("k1").await.unwrap();
        subject.inject(2, "update", Fault::LoseAnswer);
        subject
            .provider
            .retire(&key.handle_id, soon())
            .await
            .unwrap();
        assert_eq!(subject.stage.vault.enabled_versions(), 0);
    }
}
