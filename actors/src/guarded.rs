//! A key provider whose calls end in time, and whose panics end one call and no actor.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use signer_domain::ports::{
    CustodyError, GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities,
};
use signer_domain::{Deadline, Digest, HandleId, KeyId, PublicKey, Scope, Signature};

use crate::errors::{from_provider, provider_silent};
use crate::metrics::Metrics;

/// A key provider, each of whose calls has its deadline, its panic guard and its metric.
#[derive(Debug)]
pub(crate) struct GuardedProvider {
    inner: Arc<dyn KeyProvider>,
    capabilities: ProviderCapabilities,
    metrics: Metrics,
}

/// Why a call of a provider came to nothing.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The provider said so.
    Refused(KeyProviderError),
    /// The call panicked; it is counted and logged.
    Panicked,
    /// The deadline passed first.
    Silent,
}

impl CallError {
    /// Whether the call certainly had no effect.
    pub(crate) const fn certainly_did_nothing(&self) -> bool {
        match self {
            Self::Refused(KeyProviderError::ProviderUnavailable {
                outcome_unknown, ..
            }) => !*outcome_unknown,
            Self::Refused(
                KeyProviderError::KeyNotFound
                | KeyProviderError::KeyRetired
                | KeyProviderError::RotationInProgress
                | KeyProviderError::Misconfigured { .. },
            ) => true,
            Self::Panicked | Self::Silent => false,
        }
    }
}

impl From<CallError> for CustodyError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(error) => from_provider(error),
            CallError::Panicked => Self::Internal,
            CallError::Silent => provider_silent(),
        }
    }
}

impl GuardedProvider {
    pub(crate) fn new(inner: Arc<dyn KeyProvider>, metrics: Metrics) -> Self {
        Self {
            capabilities: inner.capabilities(),
            inner,
            metrics,
        }
    }

    /// What the provider is and how much it can do at once.
    pub(crate) const fn capabilities(&self) -> &ProviderCapabilities {
        &self.capabilities
    }

    /// As [`KeyProvider::generate`].
    pub(crate) async fn generate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<GeneratedKey, CallError> {
        let call = self.inner.generate(scope, key_id, deadline);
        self.guard("generating", call, deadline).await
    }

    /// As [`KeyProvider::sign`].
    pub(crate) async fn sign(
        &self,
        handle: &HandleId,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, CallError> {
        let call = self.inner.sign(handle, digest, deadline);
        self.guard("signing", call, deadline).await
    }

    /// As [`KeyProvider::public_key`].
    pub(crate) async fn public_key(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<PublicKey, CallError> {
        let call = self.inner.public_key(handle, deadline);
        self.guard("showing a key", call, deadline).await
    }

    /// As [`KeyProvider::retire`], except that a provider which does not hold the key, or knows it to be
    /// retired, has nothing to make unusable. The software provider says the former of each key that it
    /// did not generate since it was started; the registry's word counts.
    pub(crate) async fn retire(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let call = self.inner.retire(handle, deadline);
        match self.guard("retiring", call, deadline).await {
            Err(CallError::Refused(
                KeyProviderError::KeyNotFound | KeyProviderError::KeyRetired,
            )) => Ok(()),
            told => told,
        }
    }

    /// As [`KeyProvider::locate`].
    pub(crate) async fn locate(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        deadline: Deadline,
    ) -> Result<Option<GeneratedKey>, CallError> {
        let call = self.inner.locate(scope, key_id, deadline);
        self.guard("looking for a key", call, deadline).await
    }

    /// As [`KeyProvider::check`]. A panic goes through: a provider that cannot even be checked is built
    /// anew. `None` when it does not answer in time.
    pub(crate) async fn check(&self, deadline: Deadline) -> Option<Result<(), KeyProviderError>> {
        let call = self.inner.check(deadline);
        tokio::time::timeout(deadline.remaining(), call).await.ok()
    }

    /// As [`KeyProvider::forget`].
    pub(crate) fn forget(&self, handle: &HandleId) {
        self.inner.forget(handle);
    }

    /// As [`KeyProvider::warnings`].
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }

    async fn guard<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = Result<T, KeyProviderError>>,
        deadline: Deadline,
    ) -> Result<T, CallError> {
        let guarded = AssertUnwindSafe(call).catch_unwind();
        match tokio::time::timeout(deadline.remaining(), guarded).await {
            Ok(Ok(answer)) => answer.map_err(CallError::Refused),
            Ok(Err(_panic)) => {
                self.metrics.panics.inc();
                let provider = self.capabilities.name;
                tracing::error!(%provider, "provider panicked while {doing}");
                Err(CallError::Panicked)
            }
            Err(_elapsed) => Err(CallError::Silent),
        }
    }
}
