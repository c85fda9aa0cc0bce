//! A custodian that does not learn what became of its call makes no second key.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use signer_azure_kv::AzureKvMode;
use signer_cloud_fakes::{Answer, Fault, Request};
use signer_domain::ports::KeyProvider as _;
use signer_domain::ports::KeyProviderError::{KeyRetired, ProviderUnavailable};
use signer_domain::{Deadline, KeyId, Scope};

use crate::subject::{DIGEST, Subject, assert_told, generate, is_right, name_in, soon};

#[tokio::test]
async fn a_key_whose_making_was_not_answered_is_made_by_the_next_call() {
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
        assert_eq!(subject.stage.vault.enabled_versions(), 1, "no second one");
        assert_eq!(subject.generate("k1").await.unwrap(), key);
    }
}

/// Each step of making a key fails once for good, as it does for a custodian that dies there.
#[tokio::test]
async fn a_key_that_was_left_half_made_is_made_by_the_next_process() {
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
        let vault = &subject.stage.vault;
        let versions = (vault.versions(), vault.enabled_versions());
        assert_eq!(versions, (2, 1), "after {step}: in place of what was left");
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

/// The first call is over, and its key reaches the vault when the second one has told of another.
#[tokio::test]
async fn a_key_that_reaches_the_vault_late_does_not_take_the_place_of_one_that_was_told() {
    let subject = Subject::with_envelopes();
    subject.inject(3, "update", Fault::Late(Duration::from_secs(5)));
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
    let next = subject.stage.open(AzureKvMode::Envelope);
    let key = generate(&next, "k1").await.unwrap();
    let name = name_in(&key.handle_id);
    let is_late = || {
        subject
            .stage
            .vault
            .tags(name)
            .contains_key("plexsphere-public-key")
    };
    assert!(!is_late(), "the key of the first call is not there yet");
    while !is_late() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // All of its three tries.
    tokio::time::sleep(Duration::from_secs(1)).await;

    let last = subject.stage.open(AzureKvMode::Envelope);
    assert_eq!(generate(&last, "k1").await.unwrap(), key);
    let key_id = KeyId::parse("k1").unwrap();
    let located = last.locate(&Scope::Platform, &key_id, soon()).await;
    assert_eq!(located.unwrap().as_ref(), Some(&key));
    let signature = last.sign(&key.handle_id, &DIGEST, soon()).await;
    assert!(is_right(&key, &signature.unwrap()));
    last.retire(&key.handle_id, soon()).await.unwrap();
    let outcome = generate(&last, "k1").await;
    assert!(matches!(outcome, Err(KeyRetired)), "{outcome:?}");
}

/// The next process has died as well when it had disabled what the first one left.
#[tokio::test]
async fn a_name_whose_only_key_came_too_late_is_not_taken_for_retired() {
    let subject = Subject::with_envelopes();
    subject.inject(3, "update", Fault::Late(Duration::from_secs(5)));
    subject.generate("k1").await.unwrap_err();
    subject.inject(3, "wrapkey", Fault::Cut);
    subject.generate("k1").await.unwrap_err();
    assert_eq!(subject.stage.vault.enabled_versions(), 1);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let key = subject.generate("k1").await.unwrap();
    subject.assert_signs(&key).await;
    assert_eq!(subject.stage.vault.enabled_versions(), 1);
}

/// The vault has made it, whatever is said of the calls that follow.
#[tokio::test]
async fn a_key_that_was_made_is_in_doubt_whatever_the_next_call_is_told() {
    let refused = |status, code| {
        let document = json!({ "error": { "code": code, "message": "m" } });
        Fault::Answer(Answer::json(status, &document))
    };
    let answers = [
        (429, "Throttled"),
        (403, "Forbidden"),
        (404, "KeyNotFound"),
        (401, "No"),
    ];
    for (status, code) in answers {
        for step in ["wrapkey", "unwrapkey", "update"] {
            let subject = Subject::with_envelopes();
            subject.inject(usize::MAX, step, refused(status, code));
            let outcome = subject.generate("k1").await;
            assert!(
                matches!(
                    outcome,
                    Err(ProviderUnavailable {
                        outcome_unknown: true,
                        ..
                    })
                ),
                "{status}, {step}: {outcome:?}"
            );
        }
        let subject = Subject::native();
        let made = Arc::clone(&subject.stage.vault);
        let after_creation =
            move |request: &Request| request.method == "GET" && made.versions() > 0;
        let server = &subject.stage.server;
        server.inject(usize::MAX, after_creation, refused(status, code));
        // A list that is not there is empty, so the key is waited for.
        let (key_id, soon) = (
            KeyId::parse("k1").unwrap(),
            Deadline::after(Duration::from_secs(2)),
        );
        let outcome = subject
            .provider
            .generate(&Scope::Platform, &key_id, soon)
            .await;
        assert!(
            matches!(
                outcome,
                Err(ProviderUnavailable {
                    outcome_unknown: true,
                    ..
                })
            ),
            "{status}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_later_refusal_does_not_hide_that_an_earlier_try_may_have_had_its_effect() {
    for (status, code) in [
        (429, "Throttled"),
        (403, "Forbidden"),
        (400, "BadParameter"),
    ] {
        let subject = Subject::with_envelopes();
        let key = subject.generate("k1").await.unwrap();
        let document = json!({ "error": { "code": code, "message": "m" } });
        subject.inject(1, "update", Fault::LoseAnswer);
        subject.inject(1, "update", Fault::Answer(Answer::json(status, &document)));
        let outcome = subject.provider.retire(&key.handle_id, soon()).await;
        assert_eq!(subject.stage.vault.enabled_versions(), 0);
        assert!(
            matches!(
                outcome,
                Err(ProviderUnavailable {
                    outcome_unknown: true,
                    ..
                })
            ),
            "{status}: {outcome:?}"
        );
        // Nothing has happened before, so nothing is in doubt.
        subject.inject(1, "update", Fault::Answer(Answer::json(429, &document)));
        let outcome = subject.provider.retire(&key.handle_id, soon()).await;
        assert!(
            matches!(
                outcome,
                Err(ProviderUnavailable {
                    outcome_unknown: false,
                    ..
                })
            ),
            "{outcome:?}"
        );
    }
}

/// A gateway in front of the vault that knows no such page.
#[tokio::test]
async fn a_foreign_404_says_nothing_of_any_key() {
    let subject = Subject::with_envelopes();
    let key = subject.generate("k1").await.unwrap();
    let mut page = Answer::json(404, &json!({}));
    page.body = "<html>404 page not found</html>".into();
    subject
        .stage
        .server
        .inject(usize::MAX, |_| true, Fault::Answer(page));
    let key_id = KeyId::parse("k1").unwrap();
    let located = subject
        .provider
        .locate(&Scope::Platform, &key_id, soon())
        .await;
    assert_told!(located, ProviderUnavailable { .. }, "unexpected");
    assert_told!(
        subject.check().await,
        ProviderUnavailable { .. },
        "unexpected"
    );
    let retired = subject.provider.retire(&key.handle_id, soon()).await;
    assert_told!(
        retired,
        ProviderUnavailable {
            outcome_unknown: true,
            ..
        },
        "unexpected"
    );
    subject.stage.server.clear_faults();
    subject.assert_signs(&key).await;
}

/// Its request is on the way to the vault when the next process looks.
#[tokio::test]
async fn a_key_that_a_dead_process_has_just_asked_for_is_found() {
    let subject = Subject::native();
    let late = Fault::Late(Duration::from_millis(500));
    subject.inject(1, "create", late);
    subject.generate("k1").await.unwrap_err();
    let next = subject.stage.open(AzureKvMode::Native);
    let key_id = KeyId::parse("k1").unwrap();
    let located = next
        .locate(&Scope::Platform, &key_id, soon())
        .await
        .unwrap();
    assert_eq!(located, Some(generate(&next, "k1").await.unwrap()));
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
