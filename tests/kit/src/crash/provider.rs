//! Crash points around a key provider.

use std::time::Duration;

use async_trait::async_trait;
use signer_domain::ports::{GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};

use super::points::Struck;
use super::{Crashing, PortCall};

/// Lost on the way to the back end or on the way back, when who asked cannot tell; or refused.
const fn unavailable(struck: Struck) -> KeyProviderError {
    KeyProviderError::ProviderUnavailable {
        context: "passing a crash point",
        retry_after: Duration::from_secs(1),
        outcome_unknown: matches!(struck, Struck::Lost),
        source: None,
    }
}

impl<A: ?Sized> Crashing<A> {
    async fn provider<T>(
        &self,
        call: PortCall,
        work: impl Future<Output = Result<T, KeyProviderError>> + Send,
    ) -> Result<T, KeyProviderError> {
        self.points.around(call, unavailable, work).await
    }
}

#[async_trait]
impl<A: KeyProvider + ?Sized> KeyProvider for Crashing<A> {
    fn capabilities(&self) -> ProviderCapabilities {
        self.inner.capabilities()
    }

    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }

    async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<GeneratedKey, KeyProviderError> {
        let work = self.inner.generate(scope, key_id, deadline);
        self.provider(PortCall::GenerateAtProvider, work).await
    }

    async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, KeyProviderError> {
        let work = self.inner.sign(handle, digest, deadline);
        self.provider(PortCall::SignAtProvider, work).await
    }

    fn forget(&self, handle: &HandleId) {
        self.inner.forget(handle);
    }

    async fn public_key(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<PublicKey, KeyProviderError> {
        let work = self.inner.public_key(handle, deadline);
        self.provider(PortCall::PublicKeyAtProvider, work).await
    }

    async fn retire(&self, handle: &HandleId, deadline: Deadline) -> Result<(), KeyProviderError> {
        let work = self.inner.retire(handle, deadline);
        self.provider(PortCall::RetireAtProvider, work).await
    }

    async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, KeyProviderError> {
        let work = self.inner.locate(scope, key_id, deadline);
        self.provider(PortCall::LocateAtProvider, work).await
    }

    async fn check(&self, deadline: Deadline) -> Result<(), KeyProviderError> {
        let work = self.inner.check(deadline);
        self.provider(PortCall::CheckProvider, work).await
    }
}
