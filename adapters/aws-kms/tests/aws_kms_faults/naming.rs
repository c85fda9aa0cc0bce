//! Keys that bear our tag, keys that bear our alias, and several at once.

use signer_cloud_fakes::Fault;
use signer_domain::ports::KeyProviderError;

use crate::stage::{ED25519, Stage, generate, locate, name_tag};

#[tokio::test]
async fn of_two_orphans_the_older_is_adopted_and_the_other_given_up() {
    let stage = Stage::new().await;
    let (tag, name) = name_tag();
    let older = stage.fake.plant(&[(tag, &name)], ED25519);
    let younger = stage.fake.plant(&[(tag, &name)], ED25519);
    let located = stage.locate().await.unwrap().unwrap();
    assert_eq!(located.handle_id.rest(), older);
    stage.only_key_is(&located);
    let keys = stage.fake.keys();
    assert_eq!(
        (keys[1].arn.as_str(), keys[1].state),
        (younger.as_str(), "PendingDeletion")
    );
    assert_eq!(
        generate(&stage.another_process().await).await.unwrap(),
        located
    );
}

#[tokio::test]
async fn an_alias_that_another_custodian_was_faster_to_give_decides() {
    let stage = Stage::new().await;
    let (tag, name) = name_tag();
    // The other's key is named while ours is being made: nothing shows it before ours is there.
    stage.fake.follow_new_aliases_after(2);
    stage.fake.list_new_things_after(9);
    let other = stage.fake.plant(&[(tag, &name)], ED25519);
    stage.fake.name(&format!("alias/{name}"), &other);
    let generated = stage.generate().await.unwrap();
    assert_eq!(generated.handle_id.rest(), other);
    stage.only_key_is(&generated);
    let keys = stage.fake.keys();
    assert_eq!((keys.len(), keys[1].state), (2, "PendingDeletion"));
}

#[tokio::test]
async fn two_custodians_that_make_one_key_at_once_get_the_same() {
    let stage = Stage::new().await;
    stage
        .server
        .set_latency(std::time::Duration::from_millis(20));
    let other = stage.another_process().await;
    let (one, two) = tokio::join!(stage.generate(), generate(&other));
    let one = one.unwrap();
    assert_eq!(two.unwrap(), one);
    stage.only_key_is(&one);
}

#[tokio::test]
async fn a_name_whose_key_is_disabled_or_going_is_used_up() {
    for state in ["Disabled", "PendingDeletion"] {
        let stage = Stage::new().await;
        let made = stage.generate().await.unwrap();
        stage.fake.set_state(made.handle_id.rest(), state);
        let refused = stage.generate().await.unwrap_err();
        assert!(
            matches!(refused, KeyProviderError::KeyRetired),
            "{refused:?}"
        );
        let other = stage.another_process().await;
        let refused = generate(&other).await.unwrap_err();
        assert!(
            matches!(refused, KeyProviderError::KeyRetired),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_retired_key_that_has_lost_its_alias_still_uses_its_name_up() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.retire(&made.handle_id).await.unwrap();
    stage.fake.remove_alias(&format!("alias/{}", name_tag().1));
    let refused = generate(&stage.another_process().await).await.unwrap_err();
    assert!(
        matches!(refused, KeyProviderError::KeyRetired),
        "{refused:?}"
    );
}

#[tokio::test]
async fn an_alias_on_a_key_of_another_kind_is_told_and_not_used() {
    let stage = Stage::new().await;
    let foreign = stage.fake.plant(&[], "ECC_NIST_P256");
    stage
        .fake
        .name(&format!("alias/{}", name_tag().1), &foreign);
    let refused = stage.generate().await.unwrap_err();
    assert!(
        matches!(refused, KeyProviderError::Misconfigured { .. }),
        "{refused:?}"
    );
    assert_eq!(stage.fake.keys().len(), 1);
}

#[tokio::test]
async fn a_key_that_cannot_be_reached_is_not_replaced() {
    let stage = Stage::new().await;
    let made = stage.generate().await.unwrap();
    stage.fake.set_state(made.handle_id.rest(), "Unavailable");
    for refused in [
        stage.generate().await.unwrap_err(),
        stage.sign(&made.handle_id).await.unwrap_err(),
    ] {
        let is_unavailable = matches!(refused, KeyProviderError::ProviderUnavailable { .. });
        assert!(is_unavailable, "{refused:?}");
    }
    stage.fake.set_state(made.handle_id.rest(), "Enabled");
    assert_eq!(stage.generate().await.unwrap(), made);
    stage.sign(&made.handle_id).await.unwrap();
}

#[tokio::test]
async fn an_alias_that_aws_lists_and_does_not_follow_yet_is_believed() {
    let stage = Stage::new().await;
    stage.fake.follow_new_aliases_after(4);
    let made = stage.generate().await.unwrap();
    let other = stage.another_process().await;
    assert_eq!(locate(&other).await.unwrap().as_ref(), Some(&made));
    let other = stage.another_process().await;
    assert_eq!(generate(&other).await.unwrap(), made);
    assert_eq!(stage.fake.keys().len(), 1);
}

#[tokio::test]
async fn an_alias_that_comes_to_be_seen_behind_the_search_is_found() {
    let stage = Stage::new().await;
    // Not followed at first, and in no list that is begun soon; nor is its key.
    stage.fake.follow_new_aliases_after(1);
    stage.fake.list_new_things_after(9);
    let made = stage.generate().await.unwrap();
    let other = stage.another_process().await;
    assert_eq!(locate(&other).await.unwrap(), Some(made.clone()));
    stage.only_key_is(&made);
    assert_eq!(stage.fake.keys().len(), 1);
}

#[tokio::test]
async fn a_generation_looks_at_its_alias_again_before_it_makes_a_key() {
    let stage = Stage::new().await;
    stage.fake.follow_new_aliases_after(1);
    stage.fake.list_new_things_after(9);
    let made = stage.generate().await.unwrap();
    assert_eq!(
        generate(&stage.another_process().await).await.unwrap(),
        made
    );
    assert_eq!(stage.count("CreateKey"), 1);
}

#[tokio::test]
async fn a_key_that_the_lists_show_late_is_waited_for_in_doubt() {
    let stage = Stage::new().await;
    stage.fake.list_new_things_after(1);
    stage.fail(1, "CreateKey", Fault::LoseAnswer);
    stage.generate().await.unwrap_err();
    let made = stage.generate().await.unwrap();
    assert_eq!(stage.count("CreateKey"), 1, "a second key was made");
    stage.only_key_is(&made);
    assert_eq!(stage.fake.keys().len(), 1);
}
