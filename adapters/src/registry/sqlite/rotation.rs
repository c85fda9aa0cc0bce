//! The rotations, in the same file and by the same connections as the keys.

mod changes;
pub(super) mod queries;
mod record;

use async_trait::async_trait;
use jiff::Timestamp;
use signer_domain::ports::{
    GeneratedKey, KeyRegistryError, PendingKey, RotationRegistry, RotationReservation,
};
use signer_domain::{HandleId, KeyId, ProviderName, RotationTransition, Scope, SigningKey};

pub(super) use self::queries::{is_newer_of_two, is_rotated};
use super::SqliteRegistry;
use super::changes::Wanted;

#[async_trait]
impl RotationRegistry for SqliteRegistry {
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
        self.change("reserving a rotation", move |connection| {
            Box::pin(changes::reserve(connection, wanted))
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
        let opening = changes::Opening {
            pending: pending.clone(),
            generated: generated.clone(),
            at,
            closes_at,
        };
        self.change("opening a rotation", move |connection| {
            Box::pin(changes::open(connection, opening))
        })
        .await
    }

    async fn rotate_to(
        &self,
        key: &SigningKey,
        at: Timestamp,
        closes_at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let succession = changes::Succession {
            key: key.clone(),
            at,
            closes_at,
        };
        self.change(
            "opening a rotation to a key that stands",
            move |connection| Box::pin(changes::rotate_to(connection, succession)),
        )
        .await
    }

    async fn rotation(
        &self,
        scope: &Scope,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let scope = *scope;
        self.reader
            .run("finding the rotation of a scope", move |connection| {
                Box::pin(async move { queries::open_in(connection, &scope).await })
            })
            .await
    }

    async fn rotation_between(
        &self,
        scope: &Scope,
        old_key_id: &KeyId,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let (scope, old, new) = (*scope, old_key_id.clone(), new_key_id.clone());
        self.reader
            .run("finding a rotation", move |connection| {
                Box::pin(async move { queries::between(connection, &scope, &old, &new).await })
            })
            .await
    }

    async fn open_rotations(&self) -> Result<Vec<RotationTransition>, KeyRegistryError> {
        let context = "reading the open rotations";
        self.reader
            .run(context, |connection| Box::pin(queries::open(connection)))
            .await
    }

    async fn close_rotation(
        &self,
        transition: &RotationTransition,
        at: Timestamp,
    ) -> Result<RotationTransition, KeyRegistryError> {
        let transition = transition.clone();
        self.change("closing a rotation", move |connection| {
            Box::pin(changes::close(connection, transition, at))
        })
        .await
    }

    async fn unconfirmed_retirements(&self) -> Result<Vec<SigningKey>, KeyRegistryError> {
        self.reader
            .run("reading the unconfirmed retirements", |connection| {
                Box::pin(queries::unconfirmed(connection))
            })
            .await
    }

    async fn confirm_retirement(&self, handle: &HandleId) -> Result<(), KeyRegistryError> {
        let handle = handle.clone();
        self.change("confirming a retirement", move |connection| {
            Box::pin(changes::confirm(connection, handle))
        })
        .await
    }
}
