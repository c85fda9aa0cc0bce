//! How a key is made: reserve the name, ask the provider, complete the record.

use signer_domain::ports::{
    Completed, CustodyError, GeneratedOrStanding, Presence, Purpose, Reservation, WantedKey,
};
use signer_domain::{KeyState, SigningKey, clock};

use super::making::{self, Origin};
use super::{Generate, ProviderContext};
use crate::errors::{from_registry, from_reservation, provider_down};
use crate::flights::GenerateOutcome;

/// Joins the call for this name that is under way, or starts it.
///
/// # Errors
/// By cause.
pub(super) async fn join(context: ProviderContext, request: Generate) -> GenerateOutcome {
    let name = (request.scope, request.key_id.clone());
    let deadline = request.deadline;
    let work = generate(context.clone(), request);
    making::join(&context, |shared| &shared.generations, name, deadline, work).await
}

async fn generate(context: ProviderContext, request: Generate) -> GenerateOutcome {
    let Generate {
        scope,
        key_id,
        deadline,
    } = request;
    if deadline.is_past() {
        return Err(CustodyError::DeadlineExceeded);
    }
    let registry = context.shared.ports.registry.as_ref();
    let wanted = WantedKey {
        scope,
        key_id,
        provider: context.name(),
        purpose: Purpose::Generate,
        at: clock::now(),
    };
    let reserved = registry.reserve(&wanted).await;
    let (pending, origin) = match reserved.map_err(from_registry)? {
        Reservation::Completed(earlier) => return standing(&context, earlier.key),
        Reservation::Reserved(pending) => (pending, Origin::ThisCall),
        Reservation::AlreadyPending(pending) => (pending, Origin::EarlierCall),
        Reservation::Refused(refused) => return Err(from_reservation(refused)),
    };
    let generated = making::make(&context, &pending, origin, deadline).await?;
    let Completed { key, .. } = making::complete(&context, &pending, &generated).await?;
    tracing::info!(key_id = %key.key_id, scope = %key.scope, "key generated");
    Ok(GeneratedOrStanding::Generated(key))
}

/// A key that its provider is known not to have is no answer to who wants to sign with it.
fn standing(context: &ProviderContext, key: SigningKey) -> GenerateOutcome {
    if context.shared.missing.presence_of(&key) != Presence::Assumed {
        tracing::error!(key_id = %key.key_id, scope = %key.scope, "provider does not have a registered key that was asked for");
        return Err(provider_down());
    }
    match key.state {
        KeyState::Active | KeyState::Rotating => Ok(GeneratedOrStanding::Standing(key)),
        KeyState::Retired => Err(CustodyError::KeyRetired),
    }
}
