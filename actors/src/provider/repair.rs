//! How reservations that a crash or a lost answer left behind are settled.

use std::time::Duration;

use signer_domain::ports::{CustodyError, PendingKey};
use signer_domain::{Deadline, Timestamp};

use super::ProviderContext;
use crate::errors::{from_provider, from_registry, provider_silent};

/// How long a provider may take to look for all its open reservations together.
const LOCATE_DEADLINE: Duration = Duration::from_secs(10);

/// Settles the reservations of this provider: completes those whose key the provider has, drops those
/// whose key it certainly has not. Runs before the provider takes requests. One that cannot be
/// settled stays reserved and keeps nothing else from being served: the next call for its name, or
/// the next start, tries again.
///
/// # Errors
/// When the registry cannot be asked.
pub(crate) async fn repair(context: &ProviderContext) -> Result<(), CustodyError> {
    let pending = context.registry.pending().await.map_err(from_registry)?;
    let deadline = Deadline::after(LOCATE_DEADLINE);
    for reservation in pending
        .iter()
        .filter(|pending| pending.provider == context.name())
    {
        let PendingKey {
            scope,
            key_id,
            provider,
            ..
        } = reservation;
        if context.routes.generations.is_under_way(*scope, key_id) {
            continue;
        }
        match settle(context, reservation, deadline).await {
            Ok(outcome) => {
                context.metrics.repairs.inc();
                tracing::info!(%scope, %key_id, %provider, outcome, "reservation repaired");
            }
            Err(error) => {
                tracing::error!(%scope, %key_id, %provider, cause = %error, "reservation not settled");
            }
        }
    }
    Ok(())
}

async fn settle(
    context: &ProviderContext,
    pending: &PendingKey,
    deadline: Deadline,
) -> Result<&'static str, CustodyError> {
    let look = context
        .provider
        .locate(&pending.scope, &pending.key_id, deadline);
    let look = tokio::time::timeout(deadline.remaining(), look).await;
    let located = look
        .map_err(|_elapsed| provider_silent())?
        .map_err(from_provider)?;
    let Some(generated) = located else {
        context
            .registry
            .abandon(pending)
            .await
            .map_err(from_registry)?;
        return Ok("dropped");
    };
    (context.verifier_for)(&generated.public_key).map_err(|error| {
        tracing::error!(cause = %error, "provider holds an unusable key");
        CustodyError::SignatureCheckFailed
    })?;
    let now = Timestamp::now();
    context
        .registry
        .complete(pending, &generated, now)
        .await
        .map_err(from_registry)?;
    context.routes.currents.forget(pending.scope);
    Ok("completed")
}
