//! Cases on handles that name no key.

use signer_domain::ports::KeyProviderError;
use signer_domain::{HandleId, ProviderName};

use super::oracle::assert_accepted;
use super::subject::{Subject, assert_fails, digest};
use super::{AbsentKeys, Fixture};

/// A key that was never generated does not sign, except where it is derived; then it signs as any
/// other would.
pub async fn an_absent_key_is_not_found_unless_it_is_derived<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let handle = fixture.absent_handle();
    let public_key = subject.public_key(&handle).await;
    let signature = subject.sign(&handle, &digest(1)).await;
    match fixture.absent_keys() {
        AbsentKeys::NotFound => {
            assert_fails!(public_key, KeyProviderError::KeyNotFound);
            assert_fails!(signature, KeyProviderError::KeyNotFound);
        }
        AbsentKeys::Derived => {
            assert_accepted(&public_key.unwrap(), &digest(1), &signature.unwrap());
        }
    }
}

/// Retire is strict, also where the key could be derived.
pub async fn an_absent_key_cannot_be_retired<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let handle = fixture.absent_handle();
    assert_eq!(
        handle.provider(),
        subject.provider.capabilities().name,
        "the fixture's absent handle is of another provider"
    );
    for _ in 0..2 {
        assert_fails!(subject.retire(&handle).await, KeyProviderError::KeyNotFound);
    }
}

/// Another provider's name in front of the very same rest.
pub async fn the_handle_of_another_provider_is_not_found<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let own = subject.provider.capabilities().name;
    let names = [
        "software",
        "pkcs11",
        "aws-kms",
        "gcp-kms",
        "azure-kv",
        "testdouble",
    ];
    let names = names.map(ProviderName::new);
    for foreign in names.into_iter().filter(|name| *name != own) {
        let handle = HandleId::from_parts(foreign, key.handle_id.rest()).unwrap();
        assert_not_found(&subject, &handle).await;
    }
}

/// A rest that is no reference of this provider is no error of another kind.
pub async fn a_handle_it_cannot_read_is_not_found<F: Fixture>(fixture: &F) {
    let subject = Subject::of(fixture).await;
    let key = subject.key("k1").await;
    let own = subject.provider.capabilities().name;
    let longest = "x".repeat(HandleId::MAX_REST_LEN);
    let doubled = format!("{}|{}", key.handle_id.rest(), key.handle_id.rest());
    for rest in [
        "|",
        "/",
        "..",
        "k1",
        "platform",
        "platform|",
        "|k1",
        &doubled,
        &longest,
    ] {
        let handle = HandleId::from_parts(own, rest).unwrap();
        assert_not_found(&subject, &handle).await;
    }
}

async fn assert_not_found(subject: &Subject, handle: &HandleId) {
    assert_fails!(
        subject.sign(handle, &digest(1)).await,
        KeyProviderError::KeyNotFound
    );
    assert_fails!(
        subject.public_key(handle).await,
        KeyProviderError::KeyNotFound
    );
    assert_fails!(subject.retire(handle).await, KeyProviderError::KeyNotFound);
}
