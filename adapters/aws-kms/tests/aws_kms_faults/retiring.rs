//! How a key is put out of use.

use std::time::Duration;

use signer_cloud_fakes::Fault;
use signer_cloud_fakes::aws::refusal;
use signer_domain::HandleId;
use signer_domain::ports::{KeyProvider as _, KeyProviderError};

use crate::stage::{Stage, leaves_doubt, name_tag, soon};

#[tokio::test]
async fn a_retired_key_is_disabled_and_no_more() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.retire(&made.handle_id).await.unwrap();
    stage.retire(&made.handle_id).await.unwrap();
    assert_eq!(stage.fake.keys()[0].state, "Disabled");
    assert_eq!(stage.count("ScheduleKeyDeletion"), 0);
    let refused = stage.provider.public_key(&made.handle_id, soon()).await;
    assert!(
        matches!(refused, Err(KeyProviderError::KeyRetired)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn its_deletion_is_scheduled_where_that_is_asked_for() {
    let stage = Stage::with(|settings| settings.deletion = "30".parse().ok()).await;
    let made = stage.generate().await.unwrap();
    stage.retire(&made.handle_id).await.unwrap();
    assert_eq!(stage.fake.keys()[0].state, "PendingDeletion");
    let asked = stage.server.requests();
    let of_deletion = signer_cloud_fakes::aws::asks_for("ScheduleKeyDeletion");
    let asked: Vec<_> = asked
        .iter()
        .filter(|request| of_deletion(request))
        .collect();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].json()["PendingWindowInDays"], 30);
    // Another process does not know, and AWS refuses to disable such a key.
    let other = stage.another_process().await;
    other.retire(&made.handle_id, soon()).await.unwrap();
    let refused = other
        .sign(&made.handle_id, &crate::stage::digest(1), soon())
        .await;
    assert!(
        matches!(refused, Err(KeyProviderError::KeyRetired)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_key_that_nobody_may_have_deleted_is_retired_all_the_same() {
    let stage = Stage::with(|settings| settings.deletion = "30".parse().ok()).await;
    let made = stage.generate().await.unwrap();
    let denied = refusal(
        400,
        "AccessDeniedException",
        "no identity-based policy allows",
    );
    stage.fail(1, "ScheduleKeyDeletion", Fault::Answer(denied));
    stage.retire(&made.handle_id).await.unwrap();
    assert_eq!(stage.fake.keys()[0].state, "Disabled");
    stage.fail(
        3,
        "ScheduleKeyDeletion",
        Fault::Answer(refusal(503, "", "")),
    );
    stage.retire(&made.handle_id).await.unwrap_err();
    stage.retire(&made.handle_id).await.unwrap();
    assert_eq!(stage.fake.keys()[0].state, "PendingDeletion");
}

#[tokio::test]
async fn a_lost_answer_leaves_doubt_until_it_is_asked_again() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.fail(3, "DisableKey", Fault::LoseAnswer);
    let error = stage.retire(&made.handle_id).await.unwrap_err();
    assert!(leaves_doubt(&error), "{error:?}");
    stage.retire(&made.handle_id).await.unwrap();
    assert_eq!(stage.fake.keys()[0].state, "Disabled");
}

#[tokio::test]
async fn a_later_refusal_does_not_hide_that_an_earlier_try_may_have_worked() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.fail(1, "DisableKey", Fault::LoseAnswer);
    let denied = refusal(
        400,
        "AccessDeniedException",
        "no identity-based policy allows",
    );
    stage.fail(1, "DisableKey", Fault::Answer(denied));
    let error = stage.retire(&made.handle_id).await.unwrap_err();
    assert!(leaves_doubt(&error), "{error:?}");
}

#[tokio::test]
async fn a_key_that_shows_itself_late_is_not_taken_for_retired() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    let unseen = || Fault::Answer(refusal(400, "NotFoundException", "not to be seen yet"));
    stage.fail(2, "DescribeKey", unseen());
    stage.fail(2, "Sign", unseen());
    stage.sign(&made.handle_id).await.unwrap();
    stage.retire(&made.handle_id).await.unwrap();
    assert_eq!(stage.fake.keys()[0].state, "Disabled");
}

#[tokio::test]
async fn a_key_that_aws_enables_again_stays_retired_in_this_process() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.retire(&made.handle_id).await.unwrap();
    stage.fake.set_state(made.handle_id.rest(), "Enabled");
    let refused = stage.sign(&made.handle_id).await;
    assert!(
        matches!(refused, Err(KeyProviderError::KeyRetired)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_signature_under_way_when_the_key_is_retired_is_not_released() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.fail(1, "Sign", Fault::Slow(Duration::from_millis(400)));
    let retire = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stage.retire(&made.handle_id).await.unwrap();
    };
    let (refused, ()) = tokio::join!(stage.sign(&made.handle_id), retire);
    assert!(
        matches!(refused, Err(KeyProviderError::KeyRetired)),
        "{refused:?}"
    );
}

#[tokio::test]
async fn handles_that_are_none_of_ours_are_answered_without_a_call() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    let before = stage.server.requests().len();
    let arn = made.handle_id.rest();
    for (foreign, is_key_of_elsewhere) in [
        (arn.replace("eu-central-1", "eu-west-1"), true),
        (arn.replace("123456789012", "210987654321"), true),
        (arn.replace("arn:aws:", "arn:aws-cn:"), true),
        (arn.replace(":key/", ":alias/"), false),
        (arn.rsplit('/').next().unwrap().to_owned(), false),
    ] {
        let handle = HandleId::parse(&format!("aws-kms:{foreign}")).unwrap();
        for refused in [
            stage.sign(&handle).await.err(),
            stage.provider.public_key(&handle, soon()).await.err(),
        ] {
            let is_not_found = matches!(refused, Some(KeyProviderError::KeyNotFound));
            assert!(is_not_found, "{foreign}: {refused:?}");
        }
        // What is not found would be recorded as retired.
        let refused = stage.retire(&handle).await.unwrap_err();
        let is_misconfigured = matches!(refused, KeyProviderError::Misconfigured { .. });
        assert_eq!(
            is_misconfigured, is_key_of_elsewhere,
            "{foreign}: {refused:?}"
        );
    }
    assert_eq!(stage.server.requests().len(), before);
}

#[tokio::test]
async fn with_the_credentials_of_another_account_nothing_counts_as_retired_or_gone() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    let arn = made.handle_id.rest();
    let elsewhere = serde_json::json!({
        "Keys": [{ "KeyId": "a", "KeyArn": arn.replace("123456789012", "210987654321") }],
        "Truncated": false,
    });
    let list = || Fault::Answer(signer_cloud_fakes::Answer::json(200, &elsewhere));
    // A process that has seen no key yet learns where its credentials are good before it retires.
    let other = stage.another_process().await;
    stage.fail(1, "ListKeys", list());
    let refused = other.retire(&made.handle_id, soon()).await.unwrap_err();
    assert!(
        matches!(refused, KeyProviderError::Misconfigured { .. }),
        "{refused:?}"
    );
    assert_eq!(stage.fake.keys()[0].state, "Enabled");
    // One that has seen its own keys believes nothing of what is missing elsewhere.
    stage.fake.remove_alias(&format!("alias/{}", name_tag().1));
    stage.fail(usize::MAX, "ListKeys", list());
    let refused = stage.locate().await.unwrap_err();
    assert!(
        matches!(refused, KeyProviderError::Misconfigured { .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_key_of_another_kind_is_not_touched() {
    let stage = Stage::new().await;
    let foreign = stage.fake.plant(&[], "RSA_2048");
    let handle = HandleId::parse(&format!("aws-kms:{foreign}")).unwrap();
    let refused = stage.retire(&handle).await;
    assert!(
        matches!(refused, Err(KeyProviderError::KeyNotFound)),
        "{refused:?}"
    );
    assert_eq!(stage.fake.keys()[0].state, "Enabled");
}
