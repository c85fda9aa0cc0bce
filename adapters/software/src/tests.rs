use std::time::Duration;

use super::*;

fn seed(byte: u8) -> SecretSeed {
    SecretSeed::fill_with(|bytes| {
        bytes.fill(byte);
        Ok::<_, ()>(())
    })
    .unwrap()
}

fn provider() -> SoftwareProvider {
    SoftwareProvider::new(seed(0xa7)).unwrap()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(5))
}

fn key_id(text: &str) -> KeyId {
    KeyId::parse(text).unwrap()
}

const DIGEST: Digest = Digest::from_bytes([0x5a; 64]);

#[tokio::test]
async fn signs_with_a_key_that_another_process_generated() {
    let (one, other) = (provider(), provider());
    let generated = one
        .generate(&Scope::Platform, &key_id("k1"), soon())
        .await
        .unwrap();
    assert_eq!(generated.handle_id.as_str(), "software:platform|k1");
    let handle = &generated.handle_id;
    assert_eq!(
        other.public_key(handle, soon()).await.unwrap(),
        generated.public_key
    );
    assert_eq!(
        other.sign(handle, &DIGEST, soon()).await.unwrap(),
        one.sign(handle, &DIGEST, soon()).await.unwrap()
    );
}

#[tokio::test]
async fn another_seed_gives_another_key() {
    let (one, other) = (provider(), SoftwareProvider::new(seed(0xa8)).unwrap());
    let handle = HandleId::parse("software:platform|k1").unwrap();
    assert_ne!(
        one.public_key(&handle, soon()).await.unwrap(),
        other.public_key(&handle, soon()).await.unwrap()
    );
}

#[tokio::test]
async fn does_not_retire_or_locate_what_it_only_derived() {
    let provider = provider();
    let handle = HandleId::parse("software:platform|k1").unwrap();
    provider.sign(&handle, &DIGEST, soon()).await.unwrap();
    let refusal = provider.retire(&handle, soon()).await;
    assert!(matches!(refusal, Err(KeyProviderError::KeyNotFound)));
    let located = provider
        .locate(&Scope::Platform, &key_id("k1"), soon())
        .await
        .unwrap();
    assert_eq!(located, None);
    provider.sign(&handle, &DIGEST, soon()).await.unwrap();
}

#[tokio::test]
async fn still_shows_the_public_half_of_a_retired_key() {
    let provider = provider();
    let generated = provider
        .generate(&Scope::Platform, &key_id("k1"), soon())
        .await
        .unwrap();
    provider.retire(&generated.handle_id, soon()).await.unwrap();
    let public_key = provider
        .public_key(&generated.handle_id, soon())
        .await
        .unwrap();
    assert_eq!(public_key, generated.public_key);
}

#[test]
fn opens_on_a_seed_file_and_refuses_a_bad_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("seed.bin");
    create_seed_file(&path).unwrap();
    SoftwareProvider::open(&path).unwrap();
    std::fs::write(&path, "short").unwrap();
    let refusal = SoftwareProvider::open(&path).unwrap_err().to_string();
    assert!(refusal.starts_with("--software-seed-file ") && refusal.contains("5 bytes long"));
}

#[test]
fn debug_shows_nothing_of_the_seed_or_the_keys() {
    let provider = provider();
    assert_eq!(format!("{provider:?}"), "SoftwareProvider { .. }");
}
