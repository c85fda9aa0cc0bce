//! How a rotation is opened: reserve the name and the scope, ask the provider for the new key, put it
//! in the old one's place.

use signer_domain::ports::{
    Completed, CustodyError, OpenedOrStanding, Presence, Purpose, Reservation, WantedKey,
};
use signer_domain::{KeyState, RotationTransition, SigningKey, clock};

use super::making::{self, Origin};
use super::{Choice, ProviderContext, Rotate, giving_way};
use crate::errors::{from_registry, from_reservation, provider_down};
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
        Reservation::Reserved(pending) => (pending, Origin::ThisCall),
        Reservation::AlreadyPending(pending) => (pending, Origin::EarlierCall),
        Reservation::Completed(Completed { key, rotation }) => {
            return match rotation {
                Some(rotation) => standing(key.state, rotation),
                None => rotate_to(&context, &request, key).await,
            };
        }
        Reservation::Refused(refused) => return Err(from_reservation(refused)),
    };
    let generated = making::make(&context, &pending, origin, deadline).await?;
    let completed = making::complete(&context, &pending, &generated).await?;
    let rotation = completed.rotation.ok_or(CustodyError::Internal)?;
    tell_opened(&rotation);
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
    let registry = context.shared.ports.registry.as_ref();
    let (at, closes_at) = making::times(context);
    let change = context.shared.currents.begin_change(key.scope);
    let rotation = registry.rotate_to(&key, at, closes_at).await;
    drop(change);
    let rotation = rotation.map_err(from_registry)?;
    tell_opened(&rotation);
    Ok(OpenedOrStanding::Opened(rotation))
}

/// The rotation that was opened earlier, as long as its new key stands: whoever repeats the call learns
/// that it was done. To a key that has been retired since nobody rotates.
fn standing(new: KeyState, rotation: RotationTransition) -> OpenOutcome {
    match new {
        KeyState::Retired => Err(CustodyError::KeyRetired),
        KeyState::Active | KeyState::Rotating => Ok(OpenedOrStanding::Standing(rotation)),
    }
}

async fn reserve(context: &ProviderContext, request: &Rotate) -> Result<Reservation, CustodyError> {
    let wanted = WantedKey {
        scope: request.scope,
        key_id: request.new_key_id.clone(),
        provider: context.name(),
        purpose: Purpose::Rotate,
        at: clock::now(),
    };
    let reserved = context.shared.ports.registry.reserve(&wanted).await;
    reserved.map_err(from_registry)
}

/// Notes in the log that a rotation was opened.
pub(super) fn tell_opened(rotation: &RotationTransition) {
    tracing::info!(
        scope = %rotation.scope,
        old_key_id = %rotation.old_key_id,
        new_key_id = %rotation.new_key_id,
        "rotation opened"
    );
}
