//! Vault keys that somebody with the right to make keys has put where ours would be.

use signer_azure_kv::{AzureKvMode, WrappingKeyHome};
use signer_domain::ports::{KeyProvider as _, KeyProviderError};
use signer_domain::{KeyId, Scope};

use crate::subject::{Subject, assert_told, generate, name_in, soon};

/// What makes a vault key one that a custodian of this configuration would not have made.
type Change = fn(&Subject, &str);

#[tokio::test]
async fn a_vault_key_that_is_not_as_ours_are_is_never_taken_for_ours() {
    let changes: [(Change, &str); 3] = [
        (
            |subject, name| subject.stage.vault.permit_operation(name, "decrypt"),
            "may do more than encrypt keys",
        ),
        (
            |subject, name| subject.stage.vault.make_exportable(name),
            "can be exported",
        ),
        (|_, _| {}, "of a lesser type than --azure-wrapping-key-type"),
    ];
    for (change, words) in changes {
        let subject = Subject::with_envelopes();
        // A stranger wraps a seed that he has, as this one does, by a key of software.
        let mut settings = subject.stage.settings(AzureKvMode::Envelope);
        settings.wrapping_key.home = WrappingKeyHome::Software;
        let stranger = subject.stage.open_as(&settings);
        let planted = generate(&stranger, "k1").await.unwrap();
        change(&subject, name_in(&planted.handle_id));
        let key_id = KeyId::parse("k1").unwrap();
        let located = subject.provider.locate(&Scope::Platform, &key_id, soon());
        assert_told!(located.await, KeyProviderError::Misconfigured { .. }, words);
        let generated = subject.generate("k1").await;
        assert_told!(generated, KeyProviderError::Misconfigured { .. }, words);
    }
}

#[tokio::test]
async fn a_better_protected_key_than_is_asked_for_is_adopted() {
    let subject = Subject::with_envelopes();
    let made = subject.generate("k1").await.unwrap();
    let mut settings = subject.stage.settings(AzureKvMode::Envelope);
    settings.wrapping_key.home = WrappingKeyHome::Software;
    let other = subject.stage.open_as(&settings);
    assert_eq!(generate(&other, "k1").await.unwrap(), made);
}

/// The tags of one key say nothing under the name of another: each is encrypted by its own vault key.
#[tokio::test]
async fn the_tags_of_another_key_make_no_key() {
    let subject = Subject::with_envelopes();
    let others = subject.generate("k2").await.unwrap();
    let ours = subject.generate("k1").await.unwrap();
    let tags = subject.stage.vault.tags(name_in(&others.handle_id));
    let name = name_in(&ours.handle_id).to_owned();
    subject.stage.vault.change_tags(&name, |own| *own = tags);
    let fresh = subject.stage.open(AzureKvMode::Envelope);
    generate(&fresh, "k1").await.unwrap_err();
}
