//! A provider on a fake service, and short forms of its calls.

use std::time::Duration;

use signer_cloud_fakes::{Fault, Request};
use signer_domain::ports::{GeneratedKey, KeyProvider as _, KeyProviderError};
use signer_domain::{Deadline, Digest, KeyId, Scope, Signature};
use signer_gcp_kms::{GcpKmsProvider, GcpProtectionLevel, GcpSettings};

use crate::support::Fake;

pub(crate) type Outcome<T> = Result<T, KeyProviderError>;

/// The deadline of calls that are to succeed, or to fail before it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A provider on a fake service.
pub(crate) struct Stage {
    pub(crate) fake: Fake,
    pub(crate) provider: GcpKmsProvider,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut GcpSettings)) -> Self {
        signer_cloud::install_tls();
        let fake = Fake::start();
        let mut settings = fake.settings();
        change(&mut settings);
        let provider = GcpKmsProvider::new(settings);
        Self { fake, provider }
    }

    /// With a provider that asks for keys in an HSM.
    pub(crate) fn of_hsm_level() -> Self {
        Self::with(|settings| settings.protection_level = GcpProtectionLevel::Hsm)
    }

    pub(crate) async fn generate(&self, name: &str) -> Outcome<GeneratedKey> {
        self.generate_within(name, PATIENCE).await
    }

    pub(crate) async fn generate_within(
        &self,
        name: &str,
        patience: Duration,
    ) -> Outcome<GeneratedKey> {
        let deadline = Deadline::after(patience);
        self.provider
            .generate(&scope(), &key_id(name), deadline)
            .await
    }

    pub(crate) async fn locate(&self, name: &str) -> Outcome<Option<GeneratedKey>> {
        self.locate_within(name, PATIENCE).await
    }

    pub(crate) async fn locate_within(
        &self,
        name: &str,
        patience: Duration,
    ) -> Outcome<Option<GeneratedKey>> {
        let deadline = Deadline::after(patience);
        self.provider
            .locate(&scope(), &key_id(name), deadline)
            .await
    }

    pub(crate) async fn sign(&self, key: &GeneratedKey) -> Outcome<Signature> {
        self.sign_within(key, PATIENCE).await
    }

    pub(crate) async fn sign_within(
        &self,
        key: &GeneratedKey,
        patience: Duration,
    ) -> Outcome<Signature> {
        let deadline = Deadline::after(patience);
        self.provider
            .sign(&key.handle_id, &digest(), deadline)
            .await
    }

    pub(crate) async fn retire(&self, key: &GeneratedKey) -> Outcome<()> {
        let deadline = Deadline::after(PATIENCE);
        self.provider.retire(&key.handle_id, deadline).await
    }

    pub(crate) async fn check(&self) -> Outcome<()> {
        self.provider.check(Deadline::after(PATIENCE)).await
    }

    /// Lets the next `times` signatures go wrong.
    pub(crate) fn spoil_signs(&self, times: usize, fault: Fault) {
        self.fake.server.inject(times, is_sign, fault);
    }

    /// Lets everything go wrong until faults are cleared.
    pub(crate) fn spoil_all(&self, fault: Fault) {
        self.fake.server.inject(usize::MAX, |_| true, fault);
    }

    pub(crate) fn clear(&self) {
        self.fake.server.clear_faults();
    }

    /// How many requests of this kind have arrived.
    pub(crate) fn count(&self, is_of_kind: impl Fn(&Request) -> bool) -> usize {
        let requests = self.fake.server.requests();
        requests
            .iter()
            .filter(|request| is_of_kind(request))
            .count()
    }

    /// The full name of the crypto key of a pair.
    pub(crate) fn crypto_key(key: &GeneratedKey) -> String {
        let (name, _) = key
            .handle_id
            .rest()
            .split_once("/cryptoKeyVersions/")
            .unwrap();
        name.to_owned()
    }
}

pub(crate) fn is_sign(request: &Request) -> bool {
    request.path.ends_with(":asymmetricSign")
}

pub(crate) fn is_create(request: &Request) -> bool {
    request.path.ends_with("/cryptoKeys")
}

pub(crate) fn is_update(request: &Request) -> bool {
    request.method.as_str() == "PATCH"
}

/// A look at a version.
pub(crate) fn is_look(request: &Request) -> bool {
    request.method.as_str() == "GET" && request.path.ends_with("/cryptoKeyVersions/1")
}

pub(crate) fn is_public_key(request: &Request) -> bool {
    request.path.ends_with("/publicKey")
}

pub(crate) fn digest() -> Digest {
    Digest::from_bytes([7; 64])
}

fn scope() -> Scope {
    Scope::parse("platform").unwrap()
}

fn key_id(name: &str) -> KeyId {
    KeyId::parse(name).unwrap()
}

/// The context of a misconfiguration, or of a provider that is unavailable.
pub(crate) fn context<T: std::fmt::Debug>(outcome: Outcome<T>) -> &'static str {
    match outcome {
        Err(
            KeyProviderError::Misconfigured { context, .. }
            | KeyProviderError::ProviderUnavailable { context, .. },
        ) => context,
        other => panic!("{other:?}"),
    }
}

/// Asserts that the call failed for this cause.
macro_rules! assert_fails {
    ($outcome:expr, $cause:pat) => {
        let outcome = $outcome;
        assert!(
            matches!(outcome, Err($cause)),
            "expected {}, found {outcome:?}",
            stringify!($cause)
        );
    };
}

pub(crate) use assert_fails;
