//! Rotations as the outside sees them, on top of the actors.

use std::num::NonZeroU32;

use async_trait::async_trait;
use signer_domain::ports::{
    CloseRotation, CustodyError, KeyPage, KeyQuery, OpenRotation, OpenedOrStanding, Rotations,
    VerificationKeys,
};
use signer_domain::{Deadline, RotationTransition, Scope};

use super::{ActorCustody, within};
use crate::key::CloseRotation as CloseRotationOf;
use crate::provider::{Choice, Rotate};

/// Keys that are read from the registry at once.
const PAGE: NonZeroU32 = NonZeroU32::new(500).unwrap();

#[async_trait]
impl Rotations for ActorCustody {
    async fn open_rotation(
        &self,
        request: OpenRotation,
        deadline: Deadline,
    ) -> Result<OpenedOrStanding, CustodyError> {
        let OpenRotation {
            scope,
            new_key_id,
            provider,
        } = request;
        self.shared.settings.profile.permit(scope)?;
        let rotate = Rotate {
            scope,
            new_key_id,
            choice: provider.map_or(Choice::First, |_named| Choice::Named),
            deadline,
        };
        let opened = self.have_made(provider, rotate, deadline).await;
        self.look_at_registry();
        opened
    }

    async fn rotation(
        &self,
        scope: Scope,
        deadline: Deadline,
    ) -> Result<RotationTransition, CustodyError> {
        let _seat = self.admit(&self.reads)?;
        let open = within(deadline, self.shared.ports.registry.rotation(&scope)).await?;
        open.ok_or(CustodyError::RotationNotFound)
    }

    async fn close_rotation(
        &self,
        request: CloseRotation,
        deadline: Deadline,
    ) -> Result<RotationTransition, CustodyError> {
        let CloseRotation {
            scope,
            old_key_id,
            new_key_id,
        } = request;
        let _seat = self.admit(&self.reads)?;
        let registry = self.shared.ports.registry.as_ref();
        let found = registry.rotation_between(&scope, &old_key_id, &new_key_id);
        let rotation = within(deadline, found).await?;
        let rotation = rotation.ok_or(CustodyError::RotationNotFound)?;
        let handle = rotation.old_handle_id.clone();
        let close = CloseRotationOf { rotation };
        let closed = self.shared.keys.ask(&handle, &close, deadline).await;
        let closed = closed.and_then(|closed| closed);
        if closed.is_ok() {
            self.tell_retired(handle);
        }
        self.look_at_registry();
        closed
    }

    async fn verification_keys(
        &self,
        scope: Scope,
        selection: VerificationKeys,
        after: Option<u64>,
        deadline: Deadline,
    ) -> Result<KeyPage, CustodyError> {
        let _seat = self.admit(&self.reads)?;
        let query = KeyQuery {
            scope: Some(scope),
            state: None,
            limit: PAGE,
            after,
        };
        let mut page = within(deadline, self.shared.ports.registry.list(&query)).await?;
        page.keys.retain(|key| match selection {
            VerificationKeys::InUse => key.state.may_sign(),
            VerificationKeys::WithRetired => true,
        });
        Ok(page)
    }
}
