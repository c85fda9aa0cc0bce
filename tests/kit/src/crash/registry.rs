//! Crash points around the store of a registry.
//!
//! The store is wrapped and not the port, so that the one call for every change is forwarded once.

use async_trait::async_trait;
use signer_domain::ports::{
    CurrentKey, KeyNotices, KeyPage, KeyQuery, KeyRecords, KeyRegistryError, PendingKey,
    RegistryStore, RetirementStage,
};
use signer_domain::registry::{Change, ChangeKind, Engine, Rows};
use signer_domain::{HandleId, KeyId, ProviderName, RotationTransition, Scope, SigningKey};

use super::points::Struck;
use super::{Crashing, Moment, PortCall};

const fn unavailable(_struck: Struck) -> KeyRegistryError {
    KeyRegistryError::Unavailable {
        context: "passing a crash point",
        source: None,
    }
}

impl<A: ?Sized> Crashing<A> {
    async fn registry<T>(
        &self,
        call: PortCall,
        work: impl Future<Output = Result<T, KeyRegistryError>> + Send,
    ) -> Result<T, KeyRegistryError> {
        self.points.around(call, unavailable, work).await
    }
}

impl From<ChangeKind> for PortCall {
    fn from(kind: ChangeKind) -> Self {
        match kind {
            ChangeKind::Reserve => Self::Reserve,
            ChangeKind::Complete => Self::Complete,
            ChangeKind::ReserveRotation => Self::ReserveRotation,
            ChangeKind::OpenRotation => Self::OpenRotation,
            ChangeKind::Abandon => Self::Abandon,
            ChangeKind::Mark => Self::Mark,
            ChangeKind::Unmark => Self::Unmark,
            ChangeKind::BeginRetirement => Self::BeginRetirement,
            ChangeKind::Retire => Self::Retire,
            ChangeKind::ConfirmRetirement => Self::ConfirmRetirement,
            ChangeKind::RotateTo => Self::RotateTo,
            ChangeKind::CloseRotation => Self::CloseRotation,
        }
    }
}

#[async_trait]
impl<A: Engine> Engine for Crashing<A> {
    async fn change<T, W>(&self, kind: ChangeKind, work: W) -> Result<T, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'r> FnOnce(&'r mut dyn Rows) -> Change<'r, T> + Send + 'static,
    {
        let work = self.inner.change(kind, work);
        self.registry(kind.into(), work).await
    }

    async fn reservations(&self) -> Result<Vec<PendingKey>, KeyRegistryError> {
        let work = self.inner.reservations();
        self.registry(PortCall::Pending, work).await
    }

    async fn unsettled(&self, stage: RetirementStage) -> Result<Vec<SigningKey>, KeyRegistryError> {
        let work = self.inner.unsettled(stage);
        self.registry(PortCall::UnsettledRetirements, work).await
    }

    async fn open_in(&self, scope: &Scope) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let work = self.inner.open_in(scope);
        self.registry(PortCall::Rotation, work).await
    }

    async fn opened_to(
        &self,
        scope: &Scope,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let work = self.inner.opened_to(scope, new_key_id);
        self.registry(PortCall::RotationBetween, work).await
    }

    async fn open(&self) -> Result<Vec<RotationTransition>, KeyRegistryError> {
        let work = self.inner.open();
        self.registry(PortCall::OpenRotations, work).await
    }
}

#[async_trait]
impl<A: KeyRecords> KeyRecords for Crashing<A> {
    async fn find(&self, handle: &HandleId) -> Result<Option<SigningKey>, KeyRegistryError> {
        let work = self.inner.find(handle);
        self.registry(PortCall::Find, work).await
    }

    async fn any_of(&self, provider: ProviderName) -> Result<Option<SigningKey>, KeyRegistryError> {
        let work = self.inner.any_of(provider);
        self.registry(PortCall::AnyOf, work).await
    }

    async fn current(&self, scope: &Scope) -> Result<CurrentKey, KeyRegistryError> {
        let work = self.inner.current(scope);
        self.registry(PortCall::Current, work).await
    }

    async fn list(&self, query: &KeyQuery) -> Result<KeyPage, KeyRegistryError> {
        let work = self.inner.list(query);
        self.registry(PortCall::List, work).await
    }

    async fn notices(&self) -> Result<KeyNotices, KeyRegistryError> {
        let work = self.inner.notices();
        self.registry(PortCall::Notices, work).await
    }
}

#[async_trait]
impl<A: RegistryStore> RegistryStore for Crashing<A> {
    fn identity(&self) -> &str {
        self.inner.identity()
    }

    fn newest_change(&self) -> u64 {
        self.inner.newest_change()
    }

    fn lease_holds(&self) -> Result<(), KeyRegistryError> {
        let pass = |moment| self.points.pass_at_once(PortCall::LeaseHolds, moment);
        pass(Moment::Before).map_err(unavailable)?;
        let answer = self.inner.lease_holds();
        pass(Moment::After).map_err(unavailable)?;
        answer
    }

    async fn check(&self) -> Result<(), KeyRegistryError> {
        let work = self.inner.check();
        self.registry(PortCall::CheckRegistry, work).await
    }

    async fn close(&self) -> Result<(), KeyRegistryError> {
        let work = self.inner.close();
        self.registry(PortCall::CloseRegistry, work).await
    }
}
