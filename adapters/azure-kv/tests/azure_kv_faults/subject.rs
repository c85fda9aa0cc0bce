//! Short forms of what the tests do again and again.

use std::time::Duration;

use signer_azure_kv::{AzureKvMode, AzureKvProvider};
use signer_cloud_fakes::{Fault, Request, VaultKind};
use signer_domain::ports::{GeneratedKey, KeyProvider as _, KeyProviderError};
use signer_domain::{Deadline, Digest, HandleId, KeyId, Scope, Signature};
use signer_verify::verifier_for;

use crate::support::Stage;

/// A vault, and one provider that is never opened anew.
pub(crate) struct Subject {
    pub(crate) stage: Stage,
    pub(crate) provider: AzureKvProvider,
}

impl Subject {
    /// Keys in envelopes, in a vault of today.
    pub(crate) fn with_envelopes() -> Self {
        Self::of(VaultKind::Premium, AzureKvMode::Envelope)
    }

    /// Keys in a vault that signs.
    pub(crate) fn native() -> Self {
        Self::of(VaultKind::WithEd25519, AzureKvMode::Native)
    }

    pub(crate) fn of(kind: VaultKind, mode: AzureKvMode) -> Self {
        let stage = Stage::new(kind);
        let provider = stage.open(mode);
        Self { stage, provider }
    }

    pub(crate) async fn generate(&self, name: &str) -> Result<GeneratedKey, KeyProviderError> {
        generate(&self.provider, name).await
    }

    pub(crate) async fn sign(&self, key: &GeneratedKey) -> Result<Signature, KeyProviderError> {
        self.sign_within(key, Duration::from_secs(20)).await
    }

    pub(crate) async fn sign_within(
        &self,
        key: &GeneratedKey,
        time: Duration,
    ) -> Result<Signature, KeyProviderError> {
        let deadline = Deadline::after(time);
        self.provider.sign(&key.handle_id, &DIGEST, deadline).await
    }

    pub(crate) async fn assert_signs(&self, key: &GeneratedKey) {
        let signature = self.sign(key).await.unwrap();
        assert!(is_right(key, &signature));
    }

    pub(crate) async fn check(&self) -> Result<(), KeyProviderError> {
        self.provider.check(soon()).await
    }

    /// Lets the next calls of this operation go wrong.
    pub(crate) fn inject(&self, times: usize, operation: &'static str, fault: Fault) {
        self.stage.server.inject(times, is(operation), fault);
    }

    /// How many calls of this operation have arrived with a token.
    pub(crate) fn calls(&self, operation: &'static str) -> usize {
        let is = is(operation);
        self.stage
            .server
            .requests()
            .iter()
            .filter(|it| is(it))
            .count()
    }
}

pub(crate) const DIGEST: Digest = Digest::from_bytes([7; 64]);

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

pub(crate) async fn generate(
    provider: &AzureKvProvider,
    name: &str,
) -> Result<GeneratedKey, KeyProviderError> {
    let key_id = KeyId::parse(name).unwrap();
    provider.generate(&Scope::Platform, &key_id, soon()).await
}

pub(crate) fn is_right(key: &GeneratedKey, signature: &Signature) -> bool {
    let verifier = verifier_for(&key.public_key).unwrap();
    verifier.accepts(&DIGEST, signature)
}

/// The name of the vault key behind a handle.
pub(crate) fn name_in(handle: &HandleId) -> &str {
    handle.rest().split_once('/').unwrap().0
}

/// Calls of one operation that show a token; those without are only there to ask for the challenge.
fn is(operation: &'static str) -> impl Fn(&Request) -> bool + Send + 'static {
    move |request| {
        let is_it = match operation {
            "update" => request.method == "PATCH",
            "get" => request.method == "GET",
            _ => request
                .path
                .rsplit_once('/')
                .is_some_and(|(_, last)| last == operation),
        };
        is_it && !request.header("authorization").is_empty()
    }
}

/// Asserts that the call failed for this cause, and says so in these words.
macro_rules! assert_told {
    ($outcome:expr, $cause:pat, $words:expr) => {
        let error = $outcome.unwrap_err();
        assert!(matches!(error, $cause), "{error:?}");
        assert!(error.to_string().contains($words), "{error}");
    };
}

pub(crate) use assert_told;
