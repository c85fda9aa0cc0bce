//! How a key pair is made for a reservation, whatever it was made for.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use signer_domain::ports::{Completed, CustodyError, GeneratedKey, KeyRegistryError, PendingKey};
use signer_domain::{Deadline, ErrorChain, KeyId, Scope, Timestamp, clock};

use super::ProviderContext;
use crate::errors::{from_registry, provider_down, provider_silent};
use crate::flights::{Flights, Made, Place};
use crate::shared::Shared;

/// Whether the reservation is this call's own, and so this call's to give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    ThisCall,
    EarlierCall,
}

/// Does `work` for this name, one call at a time. A call is a task of its own: a panic of the provider
/// ends it and not the actor, and the actor's end does not cut it short.
///
/// Who comes while another call is under way waits for it, and then for one that began later: what the
/// former saw may be older than the question. That one serves everybody who has waited.
///
/// # Errors
/// [`CustodyError::DeadlineExceeded`]; and others by cause.
pub(super) async fn join<T: Made + Send + 'static>(
    context: &ProviderContext,
    flights: fn(&Shared) -> &Flights<T>,
    (scope, key_id): (Scope, KeyId),
    deadline: Deadline,
    work: impl Future<Output = Result<T, CustodyError>> + 'static,
) -> Result<T, CustodyError> {
    let shared = &context.shared;
    let mut has_waited = false;
    while !deadline.is_past() {
        let (place, outcome) = flights(shared).join(scope, &key_id);
        if place == Place::First {
            let shared = Arc::clone(shared);
            let work = AssertUnwindSafe(work).catch_unwind();
            actix_rt::spawn(async move {
                let outcome = work.await.unwrap_or_else(|_panic| {
                    tracing::error!(%key_id, "making a key panicked");
                    Err(CustodyError::Internal)
                });
                flights(&shared).finish(scope, &key_id, outcome);
            });
            return outcome.await.unwrap_or(Err(provider_silent()));
        }
        match tokio::time::timeout(deadline.remaining(), outcome).await {
            Ok(Ok(earlier)) if has_waited || !tells_what_stands(&earlier) => return earlier,
            Ok(Ok(_)) => has_waited = true,
            // Of a name whose reservation was being settled nothing is told.
            Ok(Err(_)) => {}
            Err(_elapsed) => break,
        }
    }
    Err(CustodyError::DeadlineExceeded)
}

/// Whether an outcome follows from the record, which may have changed since it was read. Other
/// failures are as true of everybody who waits, and a provider that fails is not asked once for each.
const fn tells_what_stands<T>(outcome: &Result<T, CustodyError>) -> bool {
    match outcome {
        Ok(_)
        | Err(
            CustodyError::KeyNotFound
            | CustodyError::KeyRetired
            | CustodyError::RotationInProgress
            | CustodyError::RotationNotFound
            | CustodyError::KeyBlocked
            | CustodyError::NameTaken,
        ) => true,
        Err(
            CustodyError::ScopeNotPermitted(_)
            | CustodyError::ProviderUnavailable { .. }
            | CustodyError::RegistryUnavailable { .. }
            | CustodyError::AuditUnavailable
            | CustodyError::Overloaded { .. }
            | CustodyError::DeadlineExceeded
            | CustodyError::SignatureCheckFailed
            | CustodyError::Internal,
        ) => false,
    }
}

/// Has the provider make the key pair that was reserved. A crash or a lost answer at any point leaves
/// a reservation that a retry completes and start-up repairs.
///
/// # Errors
/// By cause.
pub(super) async fn make(
    context: &ProviderContext,
    pending: &PendingKey,
    origin: Origin,
    deadline: Deadline,
) -> Result<GeneratedKey, CustodyError> {
    if pending.provider != context.name() {
        // The name is being made by another provider; it stands, or is free again, very soon.
        return Err(provider_down());
    }
    let call = context
        .provider
        .generate(&pending.scope, &pending.key_id, deadline);
    let generated = match call.await {
        Ok(generated) => generated,
        Err(error) => {
            if origin == Origin::ThisCall && error.certainly_did_nothing() {
                give_back(context, pending).await;
            }
            return Err(error.into());
        }
    };
    if let Err(error) = (context.shared.ports.verifier_for)(&generated.public_key) {
        tracing::error!(key_id = %pending.key_id, cause = %error, "provider made an unusable key");
        return Err(CustodyError::SignatureCheckFailed);
    }
    Ok(generated)
}

/// Completes a reservation with the pair that was made for it, and sees to it that nobody relies on what
/// was known of its scope before.
///
/// # Errors
/// [`CustodyError::Internal`] when something else was made of the reservation; and as the registry's.
pub(super) async fn complete(
    context: &ProviderContext,
    pending: &PendingKey,
    generated: &GeneratedKey,
) -> Result<Completed, CustodyError> {
    let registry = context.shared.ports.registry.as_ref();
    let (at, closes_at) = times(context);
    let change = context.shared.currents.begin_change(pending.scope);
    let completed = registry.complete(pending, generated, at, closes_at).await;
    drop(change);
    completed.map_err(|error| match error {
        KeyRegistryError::Conflict => {
            tracing::error!(key_id = %pending.key_id, "reservation is gone or was completed with another key");
            CustodyError::Internal
        }
        other => from_registry(other),
    })
}

/// Now, and when a rotation that is opened now is due to be closed.
pub(super) fn times(context: &ProviderContext) -> (Timestamp, Timestamp) {
    let now = clock::now();
    let closes_at = now
        .checked_add(context.shared.settings.overlap_window)
        .map_or(clock::LAST, |end| end.min(clock::LAST));
    (now, closes_at)
}

async fn give_back(context: &ProviderContext, pending: &PendingKey) {
    if let Err(error) = context.shared.ports.registry.abandon(pending).await {
        // Not lost: start-up and the next call for this name meet the reservation again.
        tracing::warn!(key_id = %pending.key_id, cause = %ErrorChain::of(&error), "reservation not given back");
    }
}
