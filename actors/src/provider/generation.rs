//! How a key is made: reserve the name, ask the provider, complete the record.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use signer_domain::ports::{
    CustodyError, GeneratedOrStanding, KeyProviderError, KeyRegistryError, PendingKey, Reservation,
};
use signer_domain::{Deadline, KeyState, SigningKey, Timestamp};

use super::{Generate, ProviderContext};
use crate::errors::{from_provider, from_registry, provider_down, provider_silent};
use crate::routes::{GenerateOutcome, Place};

/// Whether the reservation is this call's own, and so this call's to give back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    ThisCall,
    EarlierCall,
}

/// Joins the call for this name that is under way, or starts it. The call is a task of its own: a
/// panic of the provider ends it and not the actor, and the actor's end does not cut it short.
///
/// # Errors
/// By cause.
pub(super) async fn join(context: ProviderContext, request: Generate) -> GenerateOutcome {
    let generations = Arc::clone(&context.routes.generations);
    let (place, outcome) = generations.join(request.scope, &request.key_id);
    if place == Place::First {
        let (scope, key_id) = (request.scope, request.key_id.clone());
        let metrics = context.metrics.clone();
        let work = AssertUnwindSafe(generate(context, request)).catch_unwind();
        actix_rt::spawn(async move {
            let outcome = work.await.unwrap_or_else(|_panic| {
                metrics.panics.inc();
                tracing::error!(%key_id, "provider panicked while generating");
                Err(CustodyError::Internal)
            });
            generations.finish(scope, &key_id, outcome);
        });
    }
    outcome.await.unwrap_or(Err(provider_silent()))
}

/// Makes a key, or finds the one that stands. A crash or a lost answer at any point leaves a
/// reservation that a retry completes and start-up repairs.
///
/// # Errors
/// By cause.
async fn generate(
    context: ProviderContext,
    request: Generate,
) -> Result<GeneratedOrStanding, CustodyError> {
    let Generate {
        scope,
        key_id,
        deadline,
    } = request;
    if deadline.is_past() {
        return Err(CustodyError::DeadlineExceeded);
    }
    let registry = context.registry.as_ref();
    let now = Timestamp::now();
    let reserved = registry.reserve(&scope, &key_id, context.name(), now).await;
    let (pending, origin) = match reserved.map_err(from_registry)? {
        Reservation::Standing(key) => return standing(key),
        Reservation::Reserved(pending) => (pending, Origin::ThisCall),
        Reservation::AlreadyPending(pending) => (pending, Origin::EarlierCall),
        Reservation::RotationInProgress => return Err(CustodyError::RotationInProgress),
    };
    if pending.provider != context.name() {
        // The name is being made by another provider; it stands, or is free again, very soon.
        return Err(provider_down());
    }
    make(&context, &pending, origin, deadline).await
}

fn standing(key: SigningKey) -> Result<GeneratedOrStanding, CustodyError> {
    match key.state {
        KeyState::Active | KeyState::Rotating => Ok(GeneratedOrStanding::Standing(key)),
        KeyState::Retired => Err(CustodyError::KeyRetired),
    }
}

async fn make(
    context: &ProviderContext,
    pending: &PendingKey,
    origin: Origin,
    deadline: Deadline,
) -> Result<GeneratedOrStanding, CustodyError> {
    let call = context
        .provider
        .generate(&pending.scope, &pending.key_id, deadline);
    let Ok(answer) = tokio::time::timeout(deadline.remaining(), call).await else {
        return Err(provider_silent());
    };
    let generated = match answer {
        Ok(generated) => generated,
        Err(error) => {
            if origin == Origin::ThisCall && certainly_made_nothing(&error) {
                give_back(context, pending).await;
            }
            return Err(from_provider(error));
        }
    };
    if let Err(error) = (context.verifier_for)(&generated.public_key) {
        tracing::error!(key_id = %pending.key_id, cause = %error, "provider made an unusable key");
        return Err(CustodyError::SignatureCheckFailed);
    }
    let completed = context
        .registry
        .complete(pending, &generated, Timestamp::now())
        .await;
    let key = match completed {
        Ok(key) => key,
        Err(KeyRegistryError::Conflict) => {
            tracing::error!(key_id = %pending.key_id, "reservation was completed with another key");
            return Err(CustodyError::Internal);
        }
        Err(error) => return Err(from_registry(error)),
    };
    context.routes.currents.forget(key.scope);
    tracing::info!(key_id = %key.key_id, scope = %key.scope, "key generated");
    Ok(GeneratedOrStanding::Generated(key))
}

const fn certainly_made_nothing(error: &KeyProviderError) -> bool {
    match error {
        KeyProviderError::ProviderUnavailable {
            outcome_unknown, ..
        } => !*outcome_unknown,
        KeyProviderError::KeyNotFound
        | KeyProviderError::KeyRetired
        | KeyProviderError::RotationInProgress
        | KeyProviderError::Misconfigured { .. } => true,
    }
}

async fn give_back(context: &ProviderContext, pending: &PendingKey) {
    if let Err(error) = context.registry.abandon(pending).await {
        // Not lost: start-up and the next call for this name meet the reservation again.
        tracing::warn!(key_id = %pending.key_id, cause = ?error, "reservation not given back");
    }
}
