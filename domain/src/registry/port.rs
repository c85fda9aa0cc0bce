//! The roles of the registry that change something, over any store.

use async_trait::async_trait;
use jiff::Timestamp;

use super::rotations::{self, Opening};
use super::{ChangeKind, Engine, reservations, retirements};
use crate::ports::{
    Abandonment, Completed, GeneratedKey, KeyRegistryError, PendingKey, Purpose, Reservation,
    Reservations, RetirementStage, Retirements, RotationRecords, WantedKey,
};
use crate::{HandleId, KeyId, KeyMark, RotationTransition, Scope, SigningKey};

#[async_trait]
impl<E: Engine> Reservations for E {
    async fn reserve(&self, wanted: &WantedKey) -> Result<Reservation, KeyRegistryError> {
        let wanted = wanted.clone();
        match wanted.purpose {
            Purpose::Generate => {
                self.change(ChangeKind::Reserve, |rows| {
                    Box::pin(reservations::reserve(rows, wanted))
                })
                .await
            }
            Purpose::Rotate => {
                self.change(ChangeKind::ReserveRotation, |rows| {
                    Box::pin(rotations::reserve(rows, wanted))
                })
                .await
            }
        }
    }

    async fn complete(
        &self,
        pending: &PendingKey,
        generated: &GeneratedKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<Completed, KeyRegistryError> {
        let (pending, generated) = (pending.clone(), generated.clone());
        match pending.purpose {
            Purpose::Generate => {
                self.change(ChangeKind::Complete, move |rows| {
                    Box::pin(reservations::complete(rows, pending, generated, at))
                })
                .await
            }
            Purpose::Rotate => {
                let opening = Opening {
                    pending,
                    generated,
                    at,
                    closes_at,
                };
                self.change(ChangeKind::OpenRotation, |rows| {
                    Box::pin(rotations::open(rows, opening))
                })
                .await
            }
        }
    }

    async fn abandon(&self, pending: &PendingKey) -> Result<Abandonment, KeyRegistryError> {
        let pending = pending.clone();
        self.change(ChangeKind::Abandon, |rows| {
            Box::pin(reservations::abandon(rows, pending))
        })
        .await
    }

    async fn pending(&self) -> Result<Vec<PendingKey>, KeyRegistryError> {
        self.reservations().await
    }
}

#[async_trait]
impl<E: Engine> Retirements for E {
    async fn mark(&self, handle: &HandleId, mark: KeyMark) -> Result<SigningKey, KeyRegistryError> {
        let handle = handle.clone();
        self.change(ChangeKind::Mark, move |rows| {
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
        self.change(ChangeKind::Unmark, move |rows| {
            Box::pin(retirements::mark(rows, handle, mark, false))
        })
        .await
    }

    async fn begin_retirement(&self, handle: &HandleId) -> Result<SigningKey, KeyRegistryError> {
        let handle = handle.clone();
        self.change(ChangeKind::BeginRetirement, |rows| {
            Box::pin(retirements::begin(rows, handle))
        })
        .await
    }

    async fn retire(
        &self,
        key: &SigningKey,
        at: Timestamp,
    ) -> Result<SigningKey, KeyRegistryError> {
        let (handle, version) = (key.handle_id.clone(), key.version);
        self.change(ChangeKind::Retire, move |rows| {
            Box::pin(retirements::retire(rows, handle, version, at))
        })
        .await
    }

    async fn confirm_retirement(&self, handle: &HandleId) -> Result<(), KeyRegistryError> {
        let handle = handle.clone();
        self.change(ChangeKind::ConfirmRetirement, |rows| {
            Box::pin(retirements::confirm(rows, handle))
        })
        .await
    }

    async fn unsettled_retirements(
        &self,
        stage: RetirementStage,
    ) -> Result<Vec<SigningKey>, KeyRegistryError> {
        self.unsettled(stage).await
    }
}

#[async_trait]
impl<E: Engine> RotationRecords for E {
    async fn rotate_to(
        &self,
        key: &SigningKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let key = key.clone();
        self.change(ChangeKind::RotateTo, move |rows| {
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
        self.change(ChangeKind::CloseRotation, move |rows| {
            Box::pin(rotations::close(rows, transition, at))
        })
        .await
    }
}
