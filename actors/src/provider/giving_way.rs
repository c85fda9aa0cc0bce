//! How the reservation of a rotation gives way whose provider is not configured any more.
//!
//! A reservation is settled by its provider, and by nobody else: that one knows whether it has made the
//! key. Where it is not configured in this process, no call of it is under way and none can come, so
//! that the reservation would block its scope for good. Nothing was acknowledged of it. A caller who
//! names another provider, and a key of another name, gets the scope; a key that the former may have made
//! is left in it.

use std::time::Instant;

use signer_domain::Scope;
use signer_domain::ports::{
    Abandonment, AuditKey, CustodyError, PendingKey, Purpose, Reservation, ReservationRefused,
};

use super::{Choice, ProviderContext, Rotate};
use crate::errors::from_registry;

/// Whether another reservation may be in the way of a caller who has named a provider.
pub(super) fn may_help(found: &Reservation, request: &Rotate) -> bool {
    let is_in_the_way = match found {
        Reservation::Refused(ReservationRefused::RotationInProgress) => true,
        // Two pairs of one name there must not be, and nobody knows whether there is one already.
        Reservation::AlreadyPending(_)
        | Reservation::Reserved(_)
        | Reservation::Completed(_)
        | Reservation::Refused(
            ReservationRefused::NameTaken
            | ReservationRefused::CurrentRetired
            | ReservationRefused::UnknownScope,
        ) => false,
    };
    is_in_the_way && request.choice == Choice::Named
}

/// Abandons the reservation that rotates the scope, if its provider is not configured; whether there
/// was one.
///
/// # Errors
/// When the registry cannot be asked.
pub(super) async fn ask(context: &ProviderContext, scope: Scope) -> Result<bool, CustodyError> {
    let began = Instant::now();
    let registry = context.shared.ports.registry.as_ref();
    let pending = registry.pending().await.map_err(from_registry)?;
    let is_stuck = |pending: &PendingKey| {
        pending.scope == scope
            && pending.purpose == Purpose::Rotate
            && !context.shared.providers.is_configured(pending.provider)
    };
    let Some(stuck) = pending.into_iter().find(is_stuck) else {
        return Ok(false);
    };
    match registry.abandon(&stuck).await.map_err(from_registry)? {
        Abandonment::Done => {}
        // Another caller was first, and has told of it.
        Abandonment::NotThere => return Ok(true),
    }
    let PendingKey {
        key_id, provider, ..
    } = stuck;
    tracing::warn!(
        %scope,
        %key_id,
        %provider,
        "rotation abandoned whose provider is not configured; a key that it may have made is left there"
    );
    let key = AuditKey {
        handle_id: None,
        scope: Some(scope),
        key_id: Some(key_id),
        provider: Some(provider),
    };
    context.shared.own_acts.abandoned(key, began);
    Ok(true)
}
