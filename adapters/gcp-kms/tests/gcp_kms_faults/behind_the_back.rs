//! What others did to the key ring.

use ring::signature::{ED25519, UnparsedPublicKey};
use signer_cloud_fakes::GcpVersionState;
use signer_domain::ports::KeyProviderError::{KeyRetired, Misconfigured};

use crate::stage::{Stage, assert_fails, context, digest};

#[tokio::test]
async fn a_version_that_somebody_disabled_or_destroyed_is_retired() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    for state in [
        GcpVersionState::Disabled,
        GcpVersionState::DestroyScheduled,
        GcpVersionState::Destroyed,
    ] {
        let crypto_key = Stage::crypto_key(&key);
        stage.fake.service.set_state(&crypto_key, state);
        assert_fails!(stage.sign(&key).await, KeyRetired);
        assert_fails!(stage.generate("k1").await, KeyRetired);
        assert_fails!(stage.locate("k1").await, KeyRetired);
        stage.retire(&key).await.unwrap();
    }
}

#[tokio::test]
async fn a_pair_that_the_service_gave_up_needs_the_operator_and_can_be_retired() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let crypto_key = Stage::crypto_key(&key);
    let failed = GcpVersionState::GenerationFailed;
    stage.fake.service.set_state(&crypto_key, failed);
    assert_fails!(stage.generate("k1").await, Misconfigured { .. });
    stage.retire(&key).await.unwrap();
}

#[tokio::test]
async fn a_key_of_another_algorithm_under_our_name_is_not_adopted() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    let crypto_key = Stage::crypto_key(&key);
    stage.fake.service.set_other_algorithm(&crypto_key);
    for context in [
        context(stage.generate("k1").await),
        context(stage.locate("k1").await),
    ] {
        assert!(
            context.contains("another purpose or algorithm"),
            "{context}"
        );
    }
}

#[tokio::test]
async fn a_key_whose_private_half_was_outside_is_not_adopted() {
    let stage = Stage::new();
    let key = stage.generate("k1").await.unwrap();
    stage.fake.service.set_imported(&Stage::crypto_key(&key));
    let context = context(stage.generate("k1").await);
    assert!(context.contains("imported"), "{context}");
}

#[tokio::test]
async fn a_key_of_a_lower_level_is_not_adopted_and_one_of_a_higher_is() {
    let software = Stage::new();
    software.generate("k1").await.unwrap();
    software.fake.service.offer_hsm();
    let mut settings = software.fake.settings();
    settings.protection_level = "hsm".parse().unwrap();
    let hsm = signer_gcp_kms::GcpKmsProvider::new(settings.clone());
    let stage = Stage {
        provider: hsm,
        ..software
    };
    let context = context(stage.generate("k1").await);
    assert!(context.contains("lower protection level"), "{context}");

    stage.generate("k2").await.unwrap();
    settings.protection_level = "software".parse().unwrap();
    let stage = Stage {
        provider: signer_gcp_kms::GcpKmsProvider::new(settings),
        ..stage
    };
    stage.generate("k2").await.unwrap();
}

#[tokio::test]
async fn installations_with_different_prefixes_share_a_key_ring() {
    let stage = Stage::new();
    let one = stage.generate("k1").await.unwrap();
    let mut settings = stage.fake.settings();
    settings.key_prefix = "blue_".parse().unwrap();
    let blue = Stage {
        provider: signer_gcp_kms::GcpKmsProvider::new(settings),
        ..stage
    };
    let other = blue.generate("k1").await.unwrap();
    assert_ne!(one, other);
    assert!(other.handle_id.rest().contains("/cryptoKeys/blue_k-"));
    // What is in the key ring is served, whoever named it.
    let signature = blue.sign(&one).await.unwrap();
    UnparsedPublicKey::new(&ED25519, one.public_key.as_bytes())
        .verify(digest().as_bytes(), signature.as_bytes())
        .unwrap();
}
