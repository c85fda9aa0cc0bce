//! Vaults make another version of a key that is there, and tell nobody.

use std::sync::Arc;

use signer_azure_kv::AzureKvMode;
use signer_domain::ports::KeyProvider as _;

use crate::subject::{Subject, generate, name_in, soon};

/// Each of them is a process of its own, so nothing but the vault settles it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn custodians_that_make_a_key_at_once_settle_on_the_same_one() {
    for _ in 0..5 {
        let subject = Subject::with_envelopes();
        let custodians = (0..4).map(|_| Arc::new(subject.stage.open(AzureKvMode::Envelope)));
        let makers = custodians.map(|custodian| {
            tokio::spawn(async move { generate(&custodian, "k1").await.unwrap() })
        });
        let makers: Vec<_> = makers.collect();
        let mut made = Vec::new();
        for maker in makers {
            made.push(maker.await.unwrap());
        }
        assert!(made.iter().all(|key| key == &made[0]), "{made:?}");
        subject.assert_signs(&made[0]).await;
        assert_eq!(subject.generate("k1").await.unwrap(), made[0]);
        assert_eq!(
            subject.stage.vault.enabled_versions(),
            1,
            "the others are out of use"
        );
    }
}

#[tokio::test]
async fn a_rotation_of_the_vault_key_by_somebody_else_changes_nothing() {
    for subject in [Subject::with_envelopes(), Subject::native()] {
        let key = subject.generate("k1").await.unwrap();
        for _ in 0..5 {
            // More versions than a page of a list has.
            subject.stage.vault.rotate(name_in(&key.handle_id));
        }
        subject.assert_signs(&key).await;
        assert_eq!(subject.generate("k1").await.unwrap(), key);
        subject
            .provider
            .retire(&key.handle_id, soon())
            .await
            .unwrap();
        subject.sign(&key).await.unwrap_err();
        subject.generate("k1").await.unwrap_err();
    }
}
