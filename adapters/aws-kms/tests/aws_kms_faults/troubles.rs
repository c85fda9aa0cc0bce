//! A service that is in trouble, and what is told of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use signer_cloud_fakes::aws::{FakeAwsKms, REGION, refusal};
use signer_cloud_fakes::{Certificate, FakeServer, Fault};
use signer_domain::Deadline;
use signer_domain::ports::{KeyProvider as _, KeyProviderError};

use crate::stage::{PREFIX, Stage, digest, soon};
use crate::support;

/// What is told of an error, and how long to wait then.
fn told(error: &KeyProviderError) -> (&'static str, Option<Duration>) {
    match error {
        KeyProviderError::ProviderUnavailable {
            context,
            retry_after,
            ..
        } => (context, Some(*retry_after)),
        KeyProviderError::Misconfigured { context, .. } => (context, None),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_trouble_is_told_apart_and_heals_by_itself() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    let throttled = refusal(400, "ThrottlingException", "slow down");
    for (answer, context, wait) in [
        (throttled.clone(), "keeping within the quota", Some(1)),
        (refusal(429, "", ""), "keeping within the quota", Some(1)),
        (
            refusal(429, "", "").with("retry-after", "7"),
            "keeping within the quota",
            Some(7),
        ),
        (
            throttled.with("x-amz-retry-after", "3000"),
            "keeping within the quota",
            Some(3),
        ),
        (
            refusal(500, "KMSInternalException", "no"),
            "to recover",
            Some(1),
        ),
        (refusal(503, "", ""), "to recover", Some(1)),
        (
            refusal(400, "ExpiredTokenException", "expired"),
            "credentials are missing, expired or refused",
            None,
        ),
        (
            refusal(400, "UnrecognizedClientException", "no"),
            "credentials are missing, expired or refused",
            None,
        ),
        (
            refusal(400, "AccessDeniedException", "no identity-based policy"),
            "permissions do not allow",
            None,
        ),
        (
            refusal(400, "ValidationException", "no"),
            "unexpected answer",
            Some(1),
        ),
    ] {
        for operation in ["Sign", "ListKeys"] {
            stage.fail(3, operation, Fault::Answer(answer.clone()));
            let error = match operation {
                "Sign" => stage.sign(&made.handle_id).await.unwrap_err(),
                _ => stage.provider.check(soon()).await.unwrap_err(),
            };
            let (sentence, retry_after) = told(&error);
            assert!(sentence.contains(context), "{answer:?}: {error:?}");
            assert_eq!(retry_after, wait.map(Duration::from_secs), "{answer:?}");
            stage.server.clear_faults();
            stage.sign(&made.handle_id).await.unwrap();
            stage.provider.check(soon()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_passing_trouble_is_not_even_noticed() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    for fault in [
        Fault::Answer(refusal(400, "ThrottlingException", "slow down")),
        Fault::Answer(refusal(503, "", "")),
        Fault::Cut,
        Fault::LoseAnswer,
        Fault::Slow(Duration::from_millis(500)),
    ] {
        stage.fail(1, "Sign", fault);
        stage.sign(&made.handle_id).await.unwrap();
    }
}

#[tokio::test]
async fn a_service_that_hangs_is_left_at_the_deadline() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.server.inject(1000, |_| true, Fault::Hang);
    let patience = Duration::from_millis(500);
    let began = Instant::now();
    let deadline = || Deadline::after(patience);
    let errors = [
        stage
            .provider
            .sign(&made.handle_id, &digest(1), deadline())
            .await
            .err(),
        stage
            .provider
            .retire(&made.handle_id, deadline())
            .await
            .err(),
        stage.provider.check(deadline()).await.err(),
    ];
    let elapsed = began.elapsed();
    assert!(
        elapsed < patience * 3 + Duration::from_secs(1),
        "{elapsed:?}"
    );
    for error in errors {
        let (context, _) = told(error.as_ref().unwrap());
        assert!(context.contains("to answer"), "{error:?}");
    }
    stage.server.clear_faults();
    stage.sign(&made.handle_id).await.unwrap();
}

#[tokio::test]
async fn one_request_that_hangs_is_tried_again_within_the_deadline() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.fail(1, "Sign", Fault::Hang);
    stage.sign(&made.handle_id).await.unwrap();
    assert_eq!(stage.count("Sign"), 2);
}

#[tokio::test]
async fn a_dead_endpoint_is_told_and_certainly_nothing_was_done() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.server.stop();
    // The first call may still find the connection that was there.
    stage.sign(&made.handle_id).await.unwrap_err();
    let error = stage.sign(&made.handle_id).await.unwrap_err();
    assert_eq!(told(&error).0, "connecting to the key service");
    assert!(!crate::stage::leaves_doubt(&error));
    stage.server.resume();
    stage.sign(&made.handle_id).await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_told_and_nothing_is_sent() {
    let fake = Arc::new(FakeAwsKms::new());
    let server = FakeServer::start_tls(fake, &Certificate::new());
    let provider = support::open(&support::settings(&server.url(), REGION, PREFIX)).await;
    let error = provider.check(soon()).await.unwrap_err();
    assert_eq!(
        told(&error).0,
        "checking the certificate of the key service"
    );
    assert!(server.requests().is_empty(), "something was sent");
}

#[tokio::test]
async fn credentials_of_another_account_than_at_first_are_told() {
    let stage = Stage::new().await;
    stage.generate().await.unwrap();
    stage.provider.check(soon()).await.unwrap();
    let elsewhere = serde_json::json!({
        "Keys": [{ "KeyId": "a", "KeyArn": "arn:aws:kms:eu-central-1:210987654321:key/a" }],
        "Truncated": false,
    });
    let answer = signer_cloud_fakes::Answer::json(200, &elsewhere);
    stage.fail(1, "ListKeys", Fault::Answer(answer));
    let error = stage.provider.check(soon()).await.unwrap_err();
    assert!(told(&error).0.contains("another account"), "{error:?}");
}

/// A pair that was made and not named is found by lists alone.
#[tokio::test]
async fn a_list_that_is_none_is_never_taken_for_an_empty_one() {
    for operation in ["ListAliases", "ListKeys", "ListResourceTags"] {
        let stage = Stage::new().await;
        let (tag, name) = crate::stage::name_tag();
        let made = stage.fake.plant(&[(tag, &name)], crate::stage::ED25519);
        let nothing = signer_cloud_fakes::Answer::json(200, &serde_json::json!({}));
        stage.fail(1, operation, Fault::Answer(nothing));
        let error = stage.locate().await.unwrap_err();
        assert!(
            told(&error).0.contains("unexpected"),
            "{operation}: {error:?}"
        );
        let located = stage.locate().await;
        assert_eq!(located.unwrap().unwrap().handle_id.rest(), made);
    }
}
