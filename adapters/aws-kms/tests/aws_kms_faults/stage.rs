//! An account and a provider that uses it.

use std::sync::Arc;
use std::time::Duration;

use signer_aws_kms::{AwsKmsMemory, AwsKmsProvider, AwsKmsSettings};
use signer_cloud_fakes::aws::{FakeAwsKms, REGION, asks_for, operation_of};
use signer_cloud_fakes::{FakeServer, Fault};
use signer_domain::ports::{GeneratedKey, KeyProvider as _, KeyProviderError};
use signer_domain::{Deadline, Digest, HandleId, KeyId, Scope, Signature};

use crate::support;

pub(crate) const PREFIX: &str = "plexsphere-signer";
pub(crate) const ED25519: &str = "ECC_NIST_EDWARDS25519";

/// The account, the way to it, and one provider.
pub(crate) struct Stage {
    pub(crate) fake: Arc<FakeAwsKms>,
    pub(crate) server: FakeServer,
    pub(crate) settings: AwsKmsSettings,
    pub(crate) memory: AwsKmsMemory,
    pub(crate) provider: AwsKmsProvider,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// With other settings than usual.
    pub(crate) async fn with(change: impl FnOnce(&mut AwsKmsSettings)) -> Self {
        let fake = Arc::new(FakeAwsKms::new());
        let server = FakeServer::start(Arc::<FakeAwsKms>::clone(&fake));
        let mut settings = support::settings(&server.url(), REGION, PREFIX);
        change(&mut settings);
        let memory = AwsKmsMemory::new();
        let provider = support::open_with(&settings, memory.clone()).await;
        Self {
            fake,
            server,
            settings,
            memory,
            provider,
        }
    }

    /// The provider of another process: it knows nothing of the first.
    pub(crate) async fn another_process(&self) -> AwsKmsProvider {
        support::open(&self.settings).await
    }

    /// The provider that the same process builds when its actor died.
    pub(crate) async fn built_anew(&self) -> AwsKmsProvider {
        support::open_with(&self.settings, self.memory.clone()).await
    }

    /// Lets the next calls of `operation` go wrong.
    pub(crate) fn fail(&self, times: usize, operation: &'static str, fault: Fault) {
        self.server.inject(times, asks_for(operation), fault);
    }

    /// How often `operation` was asked for.
    pub(crate) fn count(&self, operation: &str) -> usize {
        let requests = self.server.requests().into_iter();
        requests
            .filter(|request| operation_of(request) == operation)
            .count()
    }

    pub(crate) async fn generate(&self) -> Result<GeneratedKey, KeyProviderError> {
        generate(&self.provider).await
    }

    pub(crate) async fn locate(&self) -> Result<Option<GeneratedKey>, KeyProviderError> {
        locate(&self.provider).await
    }

    pub(crate) async fn sign(&self, handle: &HandleId) -> Result<Signature, KeyProviderError> {
        self.provider.sign(handle, &digest(1), soon()).await
    }

    pub(crate) async fn retire(&self, handle: &HandleId) -> Result<(), KeyProviderError> {
        self.provider.retire(handle, soon()).await
    }

    /// Makes sure that there is one key that signs, that it is this one, and that our alias names it.
    pub(crate) fn only_key_is(&self, generated: &GeneratedKey) {
        let enabled = self.fake.enabled();
        assert_eq!(enabled.len(), 1, "{:?}", self.fake.keys());
        assert_eq!(enabled[0].arn, generated.handle_id.rest());
        let alias = enabled[0].alias.as_deref().unwrap();
        assert!(alias.starts_with("alias/plexsphere-signer/k-"), "{alias}");
    }
}

pub(crate) async fn generate(provider: &AwsKmsProvider) -> Result<GeneratedKey, KeyProviderError> {
    provider.generate(&Scope::Platform, &key_id(), soon()).await
}

pub(crate) async fn locate(
    provider: &AwsKmsProvider,
) -> Result<Option<GeneratedKey>, KeyProviderError> {
    provider.locate(&Scope::Platform, &key_id(), soon()).await
}

pub(crate) fn key_id() -> KeyId {
    KeyId::parse("k1").unwrap()
}

pub(crate) fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 64])
}

/// As long as a request has by default.
pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

/// What the name of the key that the tests generate is on its tag.
pub(crate) fn name_tag() -> (&'static str, String) {
    // As `alias` of a key that is generated as `k1` of the platform.
    let name = "plexsphere-signer/k-8819af2a8b51f9ccd84eb18177f035b924084f2a";
    ("plexsphere-signer:name", name.to_owned())
}

/// Whether an error says that the call may have had its effect.
pub(crate) fn leaves_doubt(error: &KeyProviderError) -> bool {
    matches!(
        error,
        KeyProviderError::ProviderUnavailable {
            outcome_unknown: true,
            ..
        }
    )
}
