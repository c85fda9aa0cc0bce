//! Keys that somebody with the right to make and name keys has put where ours would be.

use signer_domain::ports::{GeneratedKey, KeyProviderError};

use crate::stage::{ED25519, Stage, generate, locate, name_tag};

/// What a stranger put there, and what the refusal says of it. `None`: it is passed over.
struct Planted {
    what: &'static str,
    put: fn(&Stage) -> String,
    told: Option<&'static str>,
}

fn alias() -> String {
    format!("alias/{}", name_tag().1)
}

fn plant_as(stage: &Stage, name: &str) -> String {
    stage.fake.plant(&[(name_tag().0, name)], ED25519)
}

const PLANTED: [Planted; 6] = [
    Planted {
        what: "an Ed25519 key without a tag has our alias",
        put: |stage| {
            let key = stage.fake.plant(&[], ED25519);
            stage.fake.name(&alias(), &key);
            key
        },
        told: Some("does not bear our tag"),
    },
    Planted {
        what: "the key of another name of ours has our alias",
        put: |stage| {
            let key = plant_as(stage, "plexsphere-signer/k-of-another-name");
            stage.fake.name(&alias(), &key);
            key
        },
        told: Some("does not bear our tag"),
    },
    Planted {
        what: "a key without a tag that is disabled has our alias",
        put: |stage| {
            let key = stage.fake.plant(&[], ED25519);
            stage.fake.set_state(&key, "Disabled");
            stage.fake.name(&alias(), &key);
            key
        },
        told: Some("does not bear our tag"),
    },
    Planted {
        what: "an imported key with our tag has our alias",
        put: |stage| {
            let key = plant_as(stage, &name_tag().1);
            stage.fake.set_imported(&key);
            stage.fake.name(&alias(), &key);
            key
        },
        told: Some("was not made in AWS KMS"),
    },
    Planted {
        what: "an imported key has our tag and no alias",
        put: |stage| {
            let key = plant_as(stage, &name_tag().1);
            stage.fake.set_imported(&key);
            key
        },
        told: None,
    },
    Planted {
        what: "an imported key that is disabled has our tag and no alias",
        put: |stage| {
            let key = plant_as(stage, &name_tag().1);
            stage.fake.set_imported(&key);
            stage.fake.set_state(&key, "Disabled");
            key
        },
        told: None,
    },
];

#[tokio::test]
async fn a_key_that_a_stranger_put_in_our_place_is_never_taken_for_ours() {
    for planted in PLANTED {
        let stage = Stage::new().await;
        let stranger = (planted.put)(&stage);
        let located = stage.locate().await;
        let generated = stage.generate().await;
        if let Some(words) = planted.told {
            assert_told(located.map(drop), words, planted.what);
            assert_told(generated.map(drop), words, planted.what);
        } else {
            assert_eq!(located.unwrap(), None, "{}", planted.what);
            assert_is_not(&generated.unwrap(), &stranger, planted.what);
        }
        let untouched = stage.fake.keys().swap_remove(0);
        assert_ne!(untouched.state, "PendingDeletion", "{}", planted.what);
    }
}

#[tokio::test]
async fn an_alias_that_was_pointed_elsewhere_serves_neither_this_process_nor_the_next() {
    let stage = Stage::new().await;
    let ours = stage.generate().await.unwrap();
    let stranger = stage.fake.plant(&[], ED25519);
    stage.fake.move_alias(&alias(), &stranger);
    // The handle names the key itself, whatever the alias says.
    stage.sign(&ours.handle_id).await.unwrap();
    let other = stage.another_process().await;
    for refused in [
        stage.generate().await.map(drop),
        generate(&other).await.map(drop),
        locate(&other).await.map(drop),
    ] {
        assert_told(refused, "does not bear our tag", "a moved alias");
    }
}

#[tokio::test]
async fn a_key_that_loses_the_race_for_its_alias_to_a_strangers_is_not_exchanged_for_it() {
    let stage = Stage::new().await;
    // The alias is taken while our key is being made: nothing shows it before.
    stage.fake.follow_new_aliases_after(2);
    stage.fake.list_new_things_after(9);
    let stranger = stage.fake.plant(&[], ED25519);
    stage.fake.name(&alias(), &stranger);
    stage.generate().await.unwrap_err();
    assert_eq!(stage.count("CreateAlias"), 1, "the race was not run");
}

fn assert_told(outcome: Result<(), KeyProviderError>, words: &str, what: &str) {
    let Err(refused) = outcome else {
        panic!("{what}");
    };
    assert!(
        matches!(refused, KeyProviderError::Misconfigured { .. }),
        "{what}: {refused:?}"
    );
    assert!(refused.to_string().contains(words), "{what}: {refused}");
}

fn assert_is_not(generated: &GeneratedKey, stranger: &str, what: &str) {
    assert_ne!(generated.handle_id.rest(), stranger, "{what}");
}
