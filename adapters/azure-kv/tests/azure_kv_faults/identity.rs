//! Tokens that expire, and identity services on bad days.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use signer_azure_kv::AzureKvMode;
use signer_cloud_fakes::{Answer, FakeServer, FakeVault, Fault, Request};
use signer_domain::ports::KeyProvider as _;
use signer_domain::ports::KeyProviderError::{Misconfigured, ProviderUnavailable};

use crate::subject::{Subject, assert_told, soon};
use crate::support::credentials;

fn asks_for_a_token(request: &Request) -> bool {
    request.path.ends_with("/oauth2/v2.0/token")
}

/// A failure is told again for a second.
async fn eventually_forgotten() {
    tokio::time::sleep(Duration::from_millis(1_100)).await;
}

async fn eventually_checks(subject: &Subject) {
    eventually_forgotten().await;
    subject.check().await.unwrap();
}

#[tokio::test]
async fn the_vault_is_asked_first_without_a_token_and_without_a_body() {
    let subject = Subject::with_envelopes();
    subject.generate("k1").await.unwrap();
    let requests = subject.stage.server.requests();
    let first = requests.first().unwrap();
    assert!(first.header("authorization").is_empty() && first.body.is_empty());
    let asked = requests.iter().filter(|request| asks_for_a_token(request));
    assert_eq!(asked.count(), 1, "a token is good for more than one call");
}

#[tokio::test]
async fn a_token_that_the_vault_no_longer_takes_is_replaced() {
    let subject = Subject::with_envelopes();
    let key = subject.generate("k1").await.unwrap();
    subject.stage.vault.expire_tokens();
    // At first the old one is given again, so that a vault that refuses everything is no burden for
    // the identity service.
    assert_told!(
        subject.sign(&key).await,
        Misconfigured { .. },
        "credentials"
    );
    tokio::time::sleep(Duration::from_millis(5_100)).await;
    subject.assert_signs(&key).await;
}

#[tokio::test]
async fn an_identity_that_is_refused_is_told_and_recovers() {
    let subject = Subject::with_envelopes();
    subject.stage.vault.forget_identity();
    assert_told!(subject.check().await, Misconfigured { .. }, "credentials");
    subject.stage.vault.remember_identity();
    eventually_checks(&subject).await;
}

#[tokio::test]
async fn an_identity_service_that_fails_is_not_the_vault() {
    let subject = Subject::with_envelopes();
    let failing = Answer::json(503, &json!({ "error": "temporarily_unavailable" }));
    subject
        .stage
        .server
        .inject(9, asks_for_a_token, Fault::Answer(failing));
    assert_told!(
        subject.check().await,
        ProviderUnavailable { .. },
        "identity service fails"
    );
    subject.stage.server.clear_faults();
    eventually_forgotten().await;
    subject
        .stage
        .server
        .inject(9, asks_for_a_token, Fault::Hang);
    let began = Instant::now();
    for outcome in futures_util::future::join_all((0..5).map(|_| subject.check())).await {
        assert_told!(
            outcome,
            ProviderUnavailable { .. },
            "identity service does not answer"
        );
    }
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(8),
        "one after the other: {took:?}"
    );
    subject.stage.server.clear_faults();
    eventually_checks(&subject).await;

    let nobody = FakeServer::start(Arc::<FakeVault>::clone(&subject.stage.vault));
    nobody.stop();
    let mut settings = subject.stage.settings(AzureKvMode::Envelope);
    settings.credentials = credentials(&nobody.url().replace("http:", "https:"));
    let stranded = subject.stage.open_as(&settings);
    assert_told!(
        stranded.check(soon()).await,
        ProviderUnavailable { .. },
        "identity service cannot be reached"
    );
}

#[tokio::test]
async fn a_vault_that_asks_for_the_token_of_another_service_gets_none() {
    let subject = Subject::with_envelopes();
    let greedy = Fault::Change(|answer| {
        let challenge = "Bearer authorization=\"https://login.microsoftonline.com/t\", \
                         resource=\"https://management.azure.com\"";
        answer.with("www-authenticate", challenge)
    });
    subject.stage.server.inject(9, |_| true, greedy);
    assert_told!(
        subject.check().await,
        ProviderUnavailable { .. },
        "unexpected"
    );
    let requests = subject.stage.server.requests();
    assert!(
        !requests.iter().any(asks_for_a_token),
        "no token was asked for"
    );
    assert!(
        requests
            .iter()
            .all(|request| request.header("authorization").is_empty())
    );
}
