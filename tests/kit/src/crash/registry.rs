//! Crash points around the registry.

use async_trait::async_trait;
use jiff::Timestamp;
use signer_domain::ports::{
    Abandonment, CurrentKey, GeneratedKey, KeyNotices, KeyPage, KeyQuery, KeyRegistry,
    KeyRegistryError, PendingKey, Reservation, RotationRegistry, RotationReservation,
};
use signer_domain::{
    HandleId, KeyId, KeyMark, ProviderName, RotationTransition, Scope, SigningKey,
};

use super::points::Struck;
use super::{Crashing, PortCall};

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

#[async_trait]
impl<A: KeyRegistry + ?Sized> KeyRegistry for Crashing<A> {
    async fn reserve(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        provider: ProviderName,
        at: Timestamp,
    ) -> Result<Reservation, KeyRegistryError> {
        let work = self.inner.reserve(scope, key_id, provider, at);
        self.registry(PortCall::Reserve, work).await
    }

    async fn complete(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        let work = self.inner.complete(pending, generated, at);
        self.registry(PortCall::Complete, work).await
    }

    async fn abandon(&self, pending: &PendingKey) -> Result<Abandonment, KeyRegistryError> {
        let work = self.inner.abandon(pending);
        self.registry(PortCall::Abandon, work).await
    }

    async fn pending(&self) -> Result<Vec<PendingKey>, KeyRegistryError> {
        let work = self.inner.pending();
        self.registry(PortCall::Pending, work).await
    }

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

    async fn mark(&self, handle: &HandleId, mark: KeyMark) -> Result<SigningKey, KeyRegistryError> {
        let work = self.inner.mark(handle, mark);
        self.registry(PortCall::Mark, work).await
    }

    async fn unmark(
        &self,
        handle: &HandleId,
        mark: KeyMark,
    ) -> Result<SigningKey, KeyRegistryError> {
        let work = self.inner.unmark(handle, mark);
        self.registry(PortCall::Unmark, work).await
    }

    async fn notices(&self) -> Result<KeyNotices, KeyRegistryError> {
        let work = self.inner.notices();
        self.registry(PortCall::Notices, work).await
    }

    async fn begin_retirement(&self, handle: &HandleId) -> Result<SigningKey, KeyRegistryError> {
        let work = self.inner.begin_retirement(handle);
        self.registry(PortCall::BeginRetirement, work).await
    }

    async fn begun_retirements(&self) -> Result<Vec<SigningKey>, KeyRegistryError> {
        let work = self.inner.begun_retirements();
        self.registry(PortCall::BegunRetirements, work).await
    }

    async fn retire(
        &self,
        key: &SigningKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        let work = self.inner.retire(key, at);
        self.registry(PortCall::Retire, work).await
    }

    fn stands(&self) -> Result<(), KeyRegistryError> {
        self.inner.stands()
    }

    async fn check(&self) -> Result<(), KeyRegistryError> {
        let work = self.inner.check();
        self.registry(PortCall::CheckRegistry, work).await
    }
}

#[async_trait]
impl<A: RotationRegistry + ?Sized> RotationRegistry for Crashing<A> {
    async fn reserve_rotation(
        &self,
        scope: &Scope,
        new_key_id: &KeyId,
        provider: ProviderName,
        at: Timestamp,
    ) -> Result<RotationReservation, KeyRegistryError> {
        let work = self.inner.reserve_rotation(scope, new_key_id, provider, at);
        self.registry(PortCall::ReserveRotation, work).await
    }

    async fn open_rotation(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let work = self.inner.open_rotation(pending, generated, at, closes_at);
        self.registry(PortCall::OpenRotation, work).await
    }

    async fn rotate_to(
        &self,
        key: &SigningKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let work = self.inner.rotate_to(key, at, closes_at);
        self.registry(PortCall::RotateTo, work).await
    }

    async fn rotation(
        &self,
        scope: &Scope,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let work = self.inner.rotation(scope);
        self.registry(PortCall::Rotation, work).await
    }

    async fn rotation_between(
        &self,
        scope: &Scope,
        old_key_id: &KeyId,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let work = self.inner.rotation_between(scope, old_key_id, new_key_id);
        self.registry(PortCall::RotationBetween, work).await
    }

    async fn open_rotations(&self) -> Result<Vec<RotationTransition>, KeyRegistryError> {
        let work = self.inner.open_rotations();
        self.registry(PortCall::OpenRotations, work).await
    }

    async fn close_rotation(
        &self,
        transition: &RotationTransition,
        at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let work = self.inner.close_rotation(transition, at);
        self.registry(PortCall::CloseRotation, work).await
    }

    async fn unconfirmed_retirements(&self) -> Result<Vec<SigningKey>, KeyRegistryError> {
        let work = self.inner.unconfirmed_retirements();
        self.registry(PortCall::UnconfirmedRetirements, work).await
    }

    async fn confirm_retirement(&self, handle: &HandleId) -> Result<(), KeyRegistryError> {
        let work = self.inner.confirm_retirement(handle);
        self.registry(PortCall::ConfirmRetirement, work).await
    }
}
