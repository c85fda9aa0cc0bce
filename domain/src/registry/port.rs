//! The ports of the registry, over any store.

use async_trait::async_trait;
use jiff::Timestamp;

use super::reservations::{self, Wanted};
use super::rotations::{self, Opening};
use super::{Engine, Questions, retirements};
use crate::ports::{
    Abandonment, CurrentKey, GeneratedKey, KeyNotices, KeyPage, KeyQuery, KeyRegistry,
    KeyRegistryError, PendingKey, Reservation, RotationRegistry, RotationReservation,
};
use crate::{HandleId, KeyId, KeyMark, ProviderName, RotationTransition, Scope, SigningKey};

#[async_trait]
impl<E: Engine> KeyRegistry for E {
    async fn reserve(
        &self,
        scope: &Scope,
        key_id: &KeyId,
        provider: ProviderName,
        at: Timestamp,
    ) -> Result<Reservation, KeyRegistryError> {
        let wanted = Wanted {
            scope: *scope,
            key_id: key_id.clone(),
            provider,
            at,
        };
        self.change("reserving a key", |rows| {
            Box::pin(reservations::reserve(rows, wanted))
        })
        .await
    }

    async fn complete(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        let (pending, generated) = (pending.clone(), generated.clone());
        self.change("completing a reservation", move |rows| {
            Box::pin(reservations::complete(rows, pending, generated, at))
        })
        .await
    }

    async fn abandon(&self, pending: &PendingKey) -> Result<Abandonment, KeyRegistryError> {
        let pending = pending.clone();
        self.change("abandoning a reservation", |rows| {
            Box::pin(reservations::abandon(rows, pending))
        })
        .await
    }

    async fn pending(&self) -> Result<Vec<PendingKey>, KeyRegistryError> {
        Questions::pending(self).await
    }

    async fn find(&self, handle: &HandleId) -> Result<Option<SigningKey>, KeyRegistryError> {
        Questions::find(self, handle).await
    }

    async fn any_of(&self, provider: ProviderName) -> Result<Option<SigningKey>, KeyRegistryError> {
        Questions::any_of(self, provider).await
    }

    async fn current(&self, scope: &Scope) -> Result<CurrentKey, KeyRegistryError> {
        Questions::current(self, scope).await
    }

    async fn list(&self, query: &KeyQuery) -> Result<KeyPage, KeyRegistryError> {
        Questions::list(self, query).await
    }

    async fn mark(&self, handle: &HandleId, mark: KeyMark) -> Result<SigningKey, KeyRegistryError> {
        let handle = handle.clone();
        self.change("marking a key", move |rows| {
            Box::pin(retirements::mark(rows, handle, mark, true))
        })
        .await
    }

    async fn unmark(
        &self,
        handle: &HandleId,
        mark: KeyMark,
    ) -> Result<SigningKey, KeyRegistryError> {
        let handle = handle.clone();
        self.change("taking a mark from a key", move |rows| {
            Box::pin(retirements::mark(rows, handle, mark, false))
        })
        .await
    }

    async fn notices(&self) -> Result<KeyNotices, KeyRegistryError> {
        Questions::notices(self).await
    }

    async fn begin_retirement(&self, handle: &HandleId) -> Result<SigningKey, KeyRegistryError> {
        let handle = handle.clone();
        self.change("beginning a retirement", |rows| {
            Box::pin(retirements::begin(rows, handle))
        })
        .await
    }

    async fn begun_retirements(&self) -> Result<Vec<SigningKey>, KeyRegistryError> {
        self.begun().await
    }

    async fn retire(
        &self,
        key: &SigningKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        let (handle, version) = (key.handle_id.clone(), key.version);
        self.change("retiring a key", move |rows| {
            Box::pin(retirements::retire(rows, handle, version, at))
        })
        .await
    }

    fn stands(&self) -> Result<(), KeyRegistryError> {
        Engine::stands(self)
    }

    async fn check(&self) -> Result<(), KeyRegistryError> {
        Engine::check(self).await
    }
}

#[async_trait]
impl<E: Engine> RotationRegistry for E {
    async fn reserve_rotation(
        &self,
        scope: &Scope,
        new_key_id: &KeyId,
        provider: ProviderName,
        at: Timestamp,
    ) -> Result<RotationReservation, KeyRegistryError> {
        let wanted = Wanted {
            scope: *scope,
            key_id: new_key_id.clone(),
            provider,
            at,
        };
        self.change("reserving a rotation", |rows| {
            Box::pin(rotations::reserve(rows, wanted))
        })
        .await
    }

    async fn open_rotation(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let opening = Opening {
            pending: pending.clone(),
            generated: generated.clone(),
            at,
            closes_at,
        };
        self.change("opening a rotation", |rows| {
            Box::pin(rotations::open(rows, opening))
        })
        .await
    }

    async fn rotate_to(
        &self,
        key: &SigningKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let key = key.clone();
        self.change("opening a rotation to a key that stands", move |rows| {
            Box::pin(rotations::rotate_to(rows, key, at, closes_at))
        })
        .await
    }

    async fn rotation(
        &self,
        scope: &Scope,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        self.open_in(scope).await
    }

    async fn rotation_between(
        &self,
        scope: &Scope,
        old_key_id: &KeyId,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let rotation = self.opened_to(scope, new_key_id).await?;
        Ok(rotation.filter(|rotation| rotation.old_key_id == *old_key_id))
    }

    async fn open_rotations(&self) -> Result<Vec<RotationTransition>, KeyRegistryError> {
        self.open().await
    }

    async fn close_rotation(
        &self,
        transition: &RotationTransition,
        at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let transition = transition.clone();
        self.change("closing a rotation", move |rows| {
            Box::pin(rotations::close(rows, transition, at))
        })
        .await
    }

    async fn unconfirmed_retirements(&self) -> Result<Vec<SigningKey>, KeyRegistryError> {
        self.unconfirmed().await
    }

    async fn confirm_retirement(&self, handle: &HandleId) -> Result<(), KeyRegistryError> {
        let handle = handle.clone();
        self.change("confirming a retirement", |rows| {
            Box::pin(retirements::confirm(rows, handle))
        })
        .await
    }
}
