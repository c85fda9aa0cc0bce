//! How reservations that a crash or a lost answer left behind are settled.

use std::time::Duration;

use signer_domain::ports::{CustodyError, PendingKey};
use signer_domain::{Deadline, Timestamp};

use super::ProviderContext;
use crate::errors::{from_provider, from_registry};

/// How long the provider may take to look for one key.
const LOCATE_DEADLINE: Duration = Duration::from_secs(10);

/// Settles every reservation of this provider: completes it when the provider has the key, drops it
/// when it certainly has not. Runs before the provider takes requests.
///
/// # Errors
/// When the registry or the provider cannot be asked; what was not settled is still reserved.
pub(crate) async fn repair(context: &ProviderContext) -> Result<(), CustodyError> {
    let pending = context.registry.pending().await.map_err(from_registry)?;
    for reservation in pending
        .iter()
        .filter(|pending| pending.provider == context.name())
    {
        settle(context, reservation).await?;
    }
    Ok(())
}

async fn settle(context: &ProviderContext, pending: &PendingKey) -> Result<(), CustodyError> {
    let deadline = Deadline::after(LOCATE_DEADLINE);
    let located = context
        .provider
        .locate(&pending.scope, &pending.key_id, deadline)
        .await;
    let outcome = if let Some(generated) = located.map_err(from_provider)? {
        let now = Timestamp::now();
        context
            .registry
            .complete(pending, &generated, now)
            .await
            .map_err(from_registry)?;
        context.routes.currents.forget(pending.scope);
        "completed"
    } else {
        context
            .registry
            .abandon(pending)
            .await
            .map_err(from_registry)?;
        "dropped"
    };
    context.metrics.repairs.inc();
    let PendingKey {
        scope,
        key_id,
        provider,
    } = pending;
    tracing::info!(%scope, %key_id, %provider, outcome, "reservation repaired");
    Ok(())
}
