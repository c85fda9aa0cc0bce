//! What the vault and the line may do to one call.

use std::time::{Duration, Instant};

use serde_json::json;

use signer_azure_kv::{
    AzureKvMode, AzureKvProvider, WrappingKey, WrappingKeyHome, WrappingKeySize,
};
use signer_cloud_fakes::{Answer, Fault, VaultKind};
use signer_domain::ports::KeyProvider as _;
use signer_domain::ports::KeyProviderError::{KeyRetired, Misconfigured, ProviderUnavailable};

use crate::subject::{Subject, assert_told, soon};

fn busy() -> Answer {
    Answer::json(
        429,
        &json!({ "error": { "code": "Throttled", "message": "m" } }),
    )
}

fn failing() -> Fault {
    Fault::Answer(Answer::json(
        503,
        &json!({ "error": { "code": "Unavailable", "message": "m" } }),
    ))
}

#[tokio::test]
async fn a_vault_that_asks_for_quiet_gets_it() {
    let subject = Subject::with_envelopes();
    let key = subject.generate("k1").await.unwrap();
    let before = subject.calls("unwrapkey");
    for (answer, expected) in [(busy().with("retry-after", "7"), 7), (busy(), 1)] {
        subject.inject(1, "unwrapkey", Fault::Answer(answer));
        let Err(ProviderUnavailable {
            retry_after,
            outcome_unknown,
            ..
        }) = subject.sign(&key).await
        else {
            panic!("it signed");
        };
        assert_eq!(retry_after, Duration::from_secs(expected));
        assert!(!outcome_unknown);
    }
    assert_eq!(
        subject.calls("unwrapkey"),
        before + 2,
        "each was asked once"
    );
    subject.assert_signs(&key).await;
}

#[tokio::test]
async fn a_failure_that_passes_is_not_seen_and_one_that_stays_is_told() {
    let subject = Subject::with_envelopes();
    let key = subject.generate("k1").await.unwrap();
    for fault in [failing(), Fault::Cut, Fault::LoseAnswer] {
        subject.inject(2, "unwrapkey", fault);
        subject.assert_signs(&key).await;
    }
    subject.inject(3, "unwrapkey", failing());
    assert_told!(
        subject.sign(&key).await,
        ProviderUnavailable { .. },
        "to recover"
    );
    subject.inject(3, "unwrapkey", Fault::Cut);
    assert_told!(
        subject.sign(&key).await,
        ProviderUnavailable { .. },
        "to answer"
    );
    subject.assert_signs(&key).await;
}

#[tokio::test]
async fn a_slow_vault_is_waited_for_until_the_deadline_and_no_longer() {
    let subject = Subject::with_envelopes();
    let key = subject.generate("k1").await.unwrap();
    subject.inject(1, "unwrapkey", Fault::Slow(Duration::from_millis(300)));
    subject.assert_signs(&key).await;
    for fault in [Fault::Hang, Fault::Slow(Duration::from_secs(30))] {
        subject.inject(1, "unwrapkey", fault);
        let began = Instant::now();
        let outcome = subject.sign_within(&key, Duration::from_millis(400)).await;
        assert_told!(
            outcome,
            ProviderUnavailable {
                outcome_unknown: true,
                ..
            },
            "to answer"
        );
        assert!(began.elapsed() < Duration::from_secs(3));
    }
    subject.assert_signs(&key).await;
}

#[tokio::test]
async fn a_vault_that_is_gone_is_told_as_such_and_found_when_it_is_back() {
    let subject = Subject::with_envelopes();
    let key = subject.generate("k1").await.unwrap();
    subject.stage.server.stop();
    assert_told!(
        subject.check().await,
        ProviderUnavailable { .. },
        "connecting"
    );
    let outcome = subject.sign(&key).await;
    assert_told!(
        outcome,
        ProviderUnavailable {
            outcome_unknown: false,
            ..
        },
        "connecting"
    );
    subject.stage.server.resume();
    subject.check().await.unwrap();
    subject.assert_signs(&key).await;
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_told_as_such() {
    let subject = Subject::with_envelopes();
    let settings = subject.stage.settings(AzureKvMode::Envelope);
    let stranger = AzureKvProvider::open(&settings).unwrap();
    assert_told!(
        stranger.check(soon()).await,
        ProviderUnavailable {
            outcome_unknown: false,
            ..
        },
        "checking the certificate"
    );
    assert!(
        subject.stage.server.requests().is_empty(),
        "nothing was sent"
    );
}

#[tokio::test]
async fn a_key_that_somebody_else_disabled_is_retired_and_a_missing_permission_is_not() {
    let subject = Subject::with_envelopes();
    let (key, other) = (
        subject.generate("k1").await.unwrap(),
        subject.generate("k2").await.unwrap(),
    );
    subject.assert_signs(&key).await;
    let colleague = subject.stage.open(AzureKvMode::Envelope);
    colleague.retire(&key.handle_id, soon()).await.unwrap();
    assert!(matches!(subject.sign(&key).await, Err(KeyRetired)));

    subject.stage.vault.deny("unwrapkey");
    assert_told!(
        subject.sign(&other).await,
        Misconfigured { .. },
        "permissions"
    );
    assert_told!(subject.check().await, Misconfigured { .. }, "permissions");
    subject.stage.vault.permit_all();
    subject.check().await.unwrap();
    subject.assert_signs(&other).await;
}

#[tokio::test]
async fn a_deleted_key_keeps_its_name_until_it_is_purged() {
    let subject = Subject::with_envelopes();
    let key = subject.generate("k1").await.unwrap();
    subject
        .stage
        .vault
        .delete(crate::subject::name_in(&key.handle_id));
    assert_told!(
        subject.generate("k1").await,
        Misconfigured { .. },
        "recovered or purged"
    );
    subject.generate("k2").await.unwrap();
}

#[tokio::test]
async fn a_standard_vault_has_no_hardware_and_the_operator_is_told_what_to_choose() {
    let subject = Subject::of(VaultKind::Standard, AzureKvMode::Envelope);
    assert_told!(
        subject.generate("k1").await,
        Misconfigured { .. },
        "--azure-wrapping-key-type rsa"
    );
    let mut settings = subject.stage.settings(AzureKvMode::Envelope);
    settings.wrapping_key = WrappingKey {
        home: WrappingKeyHome::Software,
        size: WrappingKeySize::Bits4096,
    };
    let provider = subject.stage.open_as(&settings);
    crate::subject::generate(&provider, "k1").await.unwrap();
}

#[tokio::test]
async fn a_vault_of_today_refuses_the_native_mode_and_nothing_is_left_behind() {
    let subject = Subject::of(VaultKind::Premium, AzureKvMode::Native);
    let told = AzureKvProvider::tells_that_native_is_not_offered;
    let refusal = subject.check().await.unwrap_err();
    assert!(told(&refusal), "{refusal:?}");
    assert!(
        refusal.to_string().contains("--azure-kv-mode envelope"),
        "{refusal}"
    );
    let refusal = subject.generate("k1").await.unwrap_err();
    assert!(told(&refusal), "{refusal:?}");
    assert_eq!(subject.stage.vault.names(), [""; 0]);
    subject.stage.server.stop();
    assert!(!told(&subject.check().await.unwrap_err()));
}

#[tokio::test]
async fn the_probe_of_the_native_mode_is_made_once() {
    let subject = Subject::native();
    for _ in 0..3 {
        subject.check().await.unwrap();
        subject
            .stage
            .open(AzureKvMode::Native)
            .check(soon())
            .await
            .unwrap();
    }
    assert_eq!(subject.stage.vault.names(), ["plexsphere-probe"]);
    assert_eq!(subject.calls("create"), 1);
}
