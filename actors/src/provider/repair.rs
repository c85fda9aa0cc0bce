//! How what a crash or a lost answer left behind is settled before a provider takes requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use signer_domain::Deadline;
use signer_domain::ports::{Abandonment, AuditKey, CustodyError, GeneratedKey, PendingKey};

use super::{ProviderContext, finishing, making, rotation};
use crate::errors::{from_registry, provider_down};

/// How long a provider may take to look for all its open reservations together.
const LOCATE_DEADLINE: Duration = Duration::from_secs(10);

/// Settles the reservations of this provider: completes those whose key the provider has, drops those
/// whose key it certainly has not. Then finishes the retirements that were begun. Runs before the
/// provider takes requests. What cannot be settled stays as it is and keeps nothing else from being
/// served: the next call for its name, or the next start, tries again.
///
/// # Errors
/// When the registry cannot be asked.
pub(crate) async fn repair(context: &ProviderContext) -> Result<(), CustodyError> {
    let pending = context.shared.ports.registry.pending().await;
    let deadline = Deadline::after(LOCATE_DEADLINE);
    for reservation in pending.map_err(from_registry)? {
        let PendingKey {
            scope,
            key_id,
            provider,
            ..
        } = &reservation;
        if *provider != context.name() {
            continue;
        }
        // An opening that was left behind may come here, or be here still, while its successor serves.
        let providers = &context.shared.providers;
        if providers.times_buried(context.name()) != context.times_buried {
            return Err(provider_down());
        }
        let Some(_held) = context.shared.hold(*scope, key_id) else {
            tracing::warn!(%scope, %key_id, %provider, "reservation not settled: others are at it");
            continue;
        };
        let began = Instant::now();
        match settle(context, &reservation, deadline).await {
            Ok(None) => {}
            Ok(Some(Settled { outcome, generated })) => {
                context.shared.metrics.repairs.inc();
                context
                    .shared
                    .own_acts
                    .repaired(of_reservation(&reservation, generated), began);
                tracing::info!(%scope, %key_id, %provider, outcome, "reservation repaired");
            }
            Err(error) => {
                tracing::error!(%scope, %key_id, %provider, cause = %error, "reservation not settled");
            }
        }
    }
    // The keys' own actors finish them, and need the provider for it.
    let provider = Arc::clone(&context.provider);
    if !context.shared.providers.put(provider, context.times_buried) {
        return Err(provider_down());
    }
    finishing::finish(context).await.map(drop)
}

/// What became of a reservation, and the key that it led to.
struct Settled {
    outcome: &'static str,
    generated: Option<GeneratedKey>,
}

/// Settles one reservation; `None` when it was gone.
async fn settle(
    context: &ProviderContext,
    pending: &PendingKey,
    deadline: Deadline,
) -> Result<Option<Settled>, CustodyError> {
    let Some(generated) = locate(context, pending, deadline).await? else {
        let dropped = context.shared.ports.registry.abandon(pending).await;
        let is_dropped = dropped.map_err(from_registry)? == Abandonment::Done;
        return Ok(is_dropped.then_some(Settled {
            outcome: "dropped",
            generated: None,
        }));
    };
    let completed = making::complete(context, pending, &generated).await?;
    let outcome = match &completed.rotation {
        Some(rotation) => {
            rotation::tell_opened(rotation);
            "opened"
        }
        None => "completed",
    };
    Ok(Some(Settled {
        outcome,
        generated: Some(generated),
    }))
}

async fn locate(
    context: &ProviderContext,
    pending: &PendingKey,
    deadline: Deadline,
) -> Result<Option<GeneratedKey>, CustodyError> {
    let provider = &context.provider;
    let located = provider.locate(&pending.scope, &pending.key_id, deadline);
    let located = located.await?;
    if let Some(generated) = &located {
        (context.shared.ports.verifier_for)(&generated.public_key).map_err(|error| {
            tracing::error!(cause = %error, "provider holds an unusable key");
            CustodyError::SignatureCheckFailed
        })?;
    }
    Ok(located)
}

fn of_reservation(pending: &PendingKey, generated: Option<GeneratedKey>) -> AuditKey {
    AuditKey {
        handle_id: generated.map(|generated| generated.handle_id),
        scope: Some(pending.scope),
        key_id: Some(pending.key_id.clone()),
        provider: Some(pending.provider),
    }
}
