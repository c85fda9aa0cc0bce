//! How a rotation is opened: reserve the name and the scope, ask the provider for the new key, put it
//! in the old one's place.

use signer_domain::ports::{
    CustodyError, GeneratedKey, KeyRegistryError, OpenedOrStanding, PendingKey, Presence,
    RotationReservation,
};
use signer_domain::{KeyState, RotationTransition, Scope, SigningKey, Timestamp, clock};

use super::making::{self, Origin};
use super::{Choice, ProviderContext, Rotate, giving_way};
use crate::errors::{from_registry, provider_down};
use crate::flights::OpenOutcome;

/// Joins the call for this rotation that is under way, or starts it.
///
/// # Errors
/// By cause.
pub(super) async fn join(context: ProviderContext, request: Rotate) -> OpenOutcome {
    let name = (request.scope, request.new_key_id.clone());
    let deadline = request.deadline;
    let work = rotate(context.clone(), request);
    making::join(&context, |shared| &shared.openings, name, deadline, work).await
}

async fn rotate(context: ProviderContext, request: Rotate) -> OpenOutcome {
    let (scope, deadline) = (request.scope, request.deadline);
    if deadline.is_past() {
        return Err(CustodyError::DeadlineExceeded);
    }
    let mut reserved = reserve(&context, &request).await?;
    if giving_way::may_help(&reserved, &request) && giving_way::ask(&context, scope).await? {
        reserved = reserve(&context, &request).await?;
    }
    let (pending, origin) = match reserved {
        RotationReservation::Reserved(pending) => (pending, Origin::ThisCall),
        RotationReservation::AlreadyPending(pending) => (pending, Origin::EarlierCall),
        RotationReservation::Standing(rotation) => return standing(&context, rotation).await,
        RotationReservation::KeyStands(key) => return rotate_to(&context, &request, key).await,
        RotationReservation::InProgress => return Err(CustodyError::RotationInProgress),
        RotationReservation::NameTaken => return Err(CustodyError::NameTaken),
        RotationReservation::CurrentRetired => return Err(CustodyError::KeyRetired),
        RotationReservation::UnknownScope => return Err(CustodyError::KeyNotFound),
    };
    let generated = making::make(&context, &pending, origin, deadline).await?;
    let rotation = match open(&context, &pending, &generated).await {
        Ok(rotation) => rotation,
        Err(KeyRegistryError::Conflict) => {
            tracing::error!(key_id = %pending.key_id, "reservation was completed with another key");
            return Err(CustodyError::Internal);
        }
        Err(error) => return Err(from_registry(error)),
    };
    Ok(OpenedOrStanding::Opened(rotation))
}

/// Puts a key that was generated ahead in the place of the current one. It must be able to sign there.
async fn rotate_to(context: &ProviderContext, request: &Rotate, key: SigningKey) -> OpenOutcome {
    if request.choice == Choice::Named && key.provider() != context.name() {
        return Err(CustodyError::NameTaken);
    }
    if key.marks.blocked {
        return Err(CustodyError::KeyBlocked);
    }
    if key.marks.quarantined {
        return Err(CustodyError::SignatureCheckFailed);
    }
    let providers = &context.shared.providers;
    let is_there = context.shared.missing.presence_of(&key) == Presence::Assumed;
    if !is_there || providers.value(key.provider()).is_none() {
        return Err(provider_down());
    }
    let opening = |now, closes_at| {
        context
            .shared
            .ports
            .registry
            .rotate_to(&key, now, closes_at)
    };
    let rotation = open_by(context, key.scope, opening).await;
    Ok(OpenedOrStanding::Opened(rotation.map_err(from_registry)?))
}

/// The rotation that was opened earlier, as long as its new key stands: whoever repeats the call learns
/// that it was done. To a key that has been retired since nobody rotates.
async fn standing(context: &ProviderContext, rotation: RotationTransition) -> OpenOutcome {
    let new = context
        .shared
        .ports
        .registry
        .find(&rotation.new_handle_id)
        .await;
    match new.map_err(from_registry)?.map(|found| found.state) {
        Some(KeyState::Retired) => Err(CustodyError::KeyRetired),
        Some(KeyState::Active | KeyState::Rotating) | None => {
            Ok(OpenedOrStanding::Standing(rotation))
        }
    }
}

async fn reserve(
    context: &ProviderContext,
    request: &Rotate,
) -> Result<RotationReservation, CustodyError> {
    let Rotate {
        scope, new_key_id, ..
    } = request;
    let registry = context.shared.ports.registry.as_ref();
    let reserved = registry
        .reserve_rotation(scope, new_key_id, context.name(), clock::now())
        .await;
    reserved.map_err(from_registry)
}

/// Puts the new key in the place of the old one, and sees to it that nobody relies on what was known
/// before.
///
/// # Errors
/// As [`Reservations::open_rotation`](signer_domain::ports::Reservations::open_rotation).
pub(super) async fn open(
    context: &ProviderContext,
    pending: &PendingKey,
    generated: &GeneratedKey,
) -> Result<RotationTransition, KeyRegistryError> {
    let registry = context.shared.ports.registry.as_ref();
    let opening = |now, closes_at| registry.open_rotation(pending, generated, now, closes_at);
    open_by(context, pending.scope, opening).await
}

async fn open_by<O>(
    context: &ProviderContext,
    scope: Scope,
    opening: impl FnOnce(Timestamp, Timestamp) -> O,
) -> Result<RotationTransition, KeyRegistryError>
where
    O: Future<Output = Result<RotationTransition, KeyRegistryError>>,
{
    let now = clock::now();
    let closes_at = now
        .checked_add(context.shared.settings.overlap_window)
        .map_or(clock::LAST, |end| end.min(clock::LAST));
    let change = context.shared.currents.begin_change(scope);
    let opened = opening(now, closes_at).await;
    drop(change);
    let rotation = opened?;
    tracing::info!(
        scope = %rotation.scope,
        old_key_id = %rotation.old_key_id,
        new_key_id = %rotation.new_key_id,
        "rotation opened"
    );
    Ok(rotation)
}
