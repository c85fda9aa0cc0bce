//! One key for one name, whatever is lost on the way.

use std::time::Duration;

use signer_cloud_fakes::Fault;
use signer_cloud_fakes::aws::refusal;
use signer_domain::ports::{KeyProvider as _, KeyProviderError};
use signer_domain::{Deadline, Scope};

use crate::stage::{ED25519, Stage, generate, key_id, leaves_doubt, locate, name_tag};

#[tokio::test]
async fn a_key_bears_its_alias_and_its_tags() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.only_key_is(&made);
    let (tag, name) = name_tag();
    let key = stage.fake.keys().remove(0);
    assert_eq!(key.alias, Some(format!("alias/{name}")));
    let tags = [
        (tag, name.as_str()),
        ("plexsphere-signer:scope", "platform"),
        ("plexsphere-signer:key_id", "k1"),
    ];
    assert_eq!(
        key.tags,
        tags.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
}

#[tokio::test]
async fn the_answer_of_create_key_is_lost_and_the_key_is_adopted() {
    let stage = Stage::new().await;
    stage.fail(1, "CreateKey", Fault::LoseAnswer);
    let error = stage.generate().await.unwrap_err();
    assert!(leaves_doubt(&error), "{error:?}");
    assert_eq!(stage.count("CreateKey"), 1, "it is not made again");
    let made = stage.generate().await.unwrap();
    assert_eq!(stage.count("CreateKey"), 1);
    stage.only_key_is(&made);
    assert_eq!(stage.locate().await.unwrap(), Some(made));
}

#[tokio::test]
async fn create_key_is_asked_for_again_when_aws_has_certainly_made_none() {
    let stage = Stage::new().await;
    let throttled = refusal(400, "ThrottlingException", "slow down");
    stage.fail(2, "CreateKey", Fault::Answer(throttled));
    let made = stage.generate().await.unwrap();
    assert_eq!(stage.count("CreateKey"), 3);
    stage.only_key_is(&made);
    assert_eq!(stage.fake.keys().len(), 1);
}

#[tokio::test]
async fn another_process_finds_the_key_whose_answer_was_lost() {
    for finds_by_locating in [true, false] {
        let stage = Stage::new().await;
        stage.fail(1, "CreateKey", Fault::LoseAnswer);
        stage.generate().await.unwrap_err();
        let other = stage.another_process().await;
        let made = if finds_by_locating {
            locate(&other).await.unwrap().unwrap()
        } else {
            generate(&other).await.unwrap()
        };
        stage.only_key_is(&made);
        assert_eq!(generate(&other).await.unwrap(), made);
        assert_eq!(stage.fake.keys().len(), 1);
    }
}

#[tokio::test]
async fn a_provider_that_is_built_anew_remembers_the_doubt() {
    let stage = Stage::new().await;
    // So that the search that every process makes once has been made.
    let other = signer_domain::KeyId::parse("k2").unwrap();
    let deadline = Deadline::after(Duration::from_secs(10));
    let made = stage.provider.generate(&Scope::Platform, &other, deadline);
    made.await.unwrap();
    stage.fail(1, "CreateKey", Fault::LoseAnswer);
    stage.generate().await.unwrap_err();
    let provider = stage.built_anew().await;
    generate(&provider).await.unwrap();
    assert_eq!(stage.fake.keys().len(), 2);
}

#[tokio::test]
async fn every_step_may_lose_its_answer_and_there_is_still_one_key() {
    for operation in [
        "DescribeKey",
        "ListAliases",
        "ListKeys",
        "CreateKey",
        "CreateAlias",
        "GetPublicKey",
    ] {
        for (fault, times) in [
            (Fault::LoseAnswer, 1),
            (Fault::Cut, 1),
            (Fault::LoseAnswer, 3),
            (Fault::Answer(refusal(500, "KMSInternalException", "no")), 3),
        ] {
            let stage = Stage::new().await;
            let what = format!("{operation} {times} times {fault:?}");
            stage.fail(times, operation, fault);
            // Another process, which knows nothing, and the same one have to come to the same end.
            let first = stage.generate().await;
            let mut again = generate(&stage.another_process().await).await;
            for _ in 0..3 {
                if again.is_err() {
                    again = stage.generate().await;
                }
            }
            let made = again.unwrap();
            assert_eq!(stage.generate().await.unwrap(), made, "{what}");
            stage.only_key_is(&made);
            assert_eq!(stage.fake.keys().len(), 1, "{what}");
            if let Ok(first) = first {
                assert_eq!(first, made, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_that_is_abandoned_half_way_makes_no_second_key() {
    for operation in ["CreateKey", "CreateAlias", "GetPublicKey"] {
        let stage = Stage::new().await;
        stage.fail(1, operation, Fault::Slow(Duration::from_millis(800)));
        let call = generate(&stage.provider);
        let cut = tokio::time::timeout(Duration::from_millis(400), call).await;
        assert!(cut.is_err(), "{operation} was answered");
        let made = stage.generate().await.unwrap();
        stage.only_key_is(&made);
        assert_eq!(stage.fake.keys().len(), 1, "{operation}");
    }
}

#[tokio::test]
async fn a_key_that_shows_itself_late_is_waited_for() {
    let stage = Stage::new().await;
    stage.fake.show_new_keys_after(4);
    let made = stage.generate().await.unwrap();
    stage.only_key_is(&made);
    stage.sign(&made.handle_id).await.unwrap();
    assert_eq!(stage.count("CreateKey"), 1);
}

#[tokio::test]
async fn a_refusal_before_the_key_is_made_leaves_no_doubt() {
    let stage = Stage::new().await;
    let denied = refusal(
        400,
        "AccessDeniedException",
        "no identity-based policy allows",
    );
    stage.fail(1, "CreateKey", Fault::Answer(denied));
    let error = stage.generate().await.unwrap_err();
    assert!(
        matches!(error, KeyProviderError::Misconfigured { .. }),
        "{error:?}"
    );
    stage.generate().await.unwrap();
    assert_eq!(stage.count("ListKeys"), 1, "nothing had to be looked for");
}

#[tokio::test]
async fn a_refusal_after_the_key_is_made_leaves_doubt_and_the_key_is_adopted() {
    let stage = Stage::new().await;
    let denied = refusal(
        400,
        "AccessDeniedException",
        "no identity-based policy allows",
    );
    stage.fail(1, "CreateAlias", Fault::Answer(denied));
    let error = stage.generate().await.unwrap_err();
    assert!(leaves_doubt(&error), "{error:?}");
    let made = stage.generate().await.unwrap();
    stage.only_key_is(&made);
    assert_eq!(stage.fake.keys().len(), 1);
}

#[tokio::test]
async fn a_process_searches_once_and_then_only_in_doubt() {
    let stage = Stage::new().await;
    for number in 0..5 {
        let key_id = signer_domain::KeyId::parse(&format!("k{number}")).unwrap();
        let deadline = Deadline::after(Duration::from_secs(10));
        let made = stage.provider.generate(&Scope::Platform, &key_id, deadline);
        made.await.unwrap();
    }
    assert_eq!(stage.count("ListKeys"), 1);
    assert_eq!(
        stage.count("ListResourceTags"),
        0,
        "every key has its alias"
    );
}

/// An account of many keys that are none of ours; every second one has no alias, so its tags are read.
async fn among_many_keys() -> Stage {
    let stage = Stage::new().await;
    for number in 0..60 {
        let foreign = stage
            .fake
            .plant(&[("owner", "somebody else")], "SYMMETRIC_DEFAULT");
        if number % 2 == 0 {
            stage
                .fake
                .name(&format!("alias/foreign-{number}"), &foreign);
        }
    }
    stage
}

/// How many calls a search has taken.
fn search_calls(stage: &Stage) -> usize {
    ["ListAliases", "ListKeys", "ListResourceTags"]
        .map(|operation| stage.count(operation))
        .iter()
        .sum()
}

#[tokio::test]
async fn a_search_that_a_deadline_cuts_short_goes_on_where_it_was() {
    const CUT_SHORT: usize = 3;
    let uncut = among_many_keys().await;
    uncut.generate().await.unwrap();

    let stage = among_many_keys().await;
    let latency = Duration::from_millis(30);
    stage.server.set_latency(latency);
    let patience = latency * u32::try_from(search_calls(&uncut) / (CUT_SHORT + 1)).unwrap();
    let key_id = key_id();
    let generate_within = |patience| {
        let deadline = Deadline::after(patience);
        stage.provider.generate(&Scope::Platform, &key_id, deadline)
    };
    for _ in 0..CUT_SHORT {
        generate_within(patience).await.unwrap_err();
    }
    let before = search_calls(&stage);
    assert!(before > CUT_SHORT, "{before} calls before");
    let made = generate_within(Duration::from_secs(30)).await.unwrap();
    assert_eq!(stage.fake.keys().last().unwrap().arn, made.handle_id.rest());
    assert_eq!(stage.count("CreateKey"), 1);
    // The call that a deadline cuts off is made once more, and no other.
    assert!(
        search_calls(&stage) <= search_calls(&uncut) + CUT_SHORT,
        "{} calls, and {} of them in vain",
        search_calls(&stage),
        search_calls(&stage) - search_calls(&uncut)
    );
}

#[tokio::test]
async fn keys_of_others_are_none_of_its_business() {
    let stage = Stage::new().await;
    let (tag, name) = name_tag();
    let elsewhere = name.replace("plexsphere-signer/", "staging/");
    stage.fake.plant(&[], ED25519);
    stage.fake.plant(&[(tag, &elsewhere)], ED25519);
    stage.fake.refuse_tags_of_strangers();
    let made = stage.generate().await.unwrap();
    let keys = stage.fake.keys();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[2].arn, made.handle_id.rest());
    assert!(keys.iter().all(|key| key.state == "Enabled"), "{keys:?}");
}
