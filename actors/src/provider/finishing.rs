//! How retirements are finished that a crash, a lost answer or a provider out of reach cut off.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use signer_domain::ports::{CustodyError, Presence};
use signer_domain::{Deadline, SigningKey};

use super::telling::{AT_ONCE, Left, is_unusable, of_key};
use super::{ProviderContext, opening};
use crate::errors::{from_registry, provider_down};
use crate::key::{KeyGate, record_retirement};

/// How long a start waits for all its begun retirements together.
const FINISH_DEADLINE: Duration = Duration::from_secs(5);
/// How long it waits for whoever is at one of them, when the provider was only built anew.
const PATIENCE: Duration = Duration::from_secs(1);

/// Finishes the retirements of this provider that were begun: the provider first, then the registry.
/// Runs before the provider takes requests, and again as long as something is left. A key whose
/// retirement the provider does not confirm stays blocked.
///
/// # Errors
/// When the registry cannot be asked.
pub(super) async fn finish(context: &ProviderContext) -> Result<Left, CustodyError> {
    let deadline = Deadline::after(FINISH_DEADLINE);
    let left = context.ports.registry.begun_retirements().await;
    let left = left.map_err(from_registry)?;
    let mine = left
        .into_iter()
        .filter(|key| key.provider() == context.name());
    let finish = |key: SigningKey| async move {
        let began = Instant::now();
        match finish_one(context, &key, deadline).await {
            Ok(Finish::Done) => {
                tracing::info!(key_id = %key.key_id, scope = %key.scope, "begun retirement finished");
                context.metrics.repairs.inc();
                context.own_acts.repaired(of_key(key), began);
                Left::Nothing
            }
            Ok(Finish::Superfluous) => Left::Nothing,
            Err(error) => {
                tracing::error!(key_id = %key.key_id, cause = %error, "begun retirement not finished");
                Left::Something
            }
        }
    };
    let finished = stream::iter(mine).map(finish).buffer_unordered(AT_ONCE);
    let left: Vec<Left> = finished.collect().await;
    Ok(left
        .into_iter()
        .find(|left| *left == Left::Something)
        .unwrap_or(Left::Nothing))
}

/// What became of a retirement that was begun.
enum Finish {
    Done,
    /// Whoever began it has ended it meanwhile.
    Superfluous,
}

async fn finish_one(
    context: &ProviderContext,
    key: &SigningKey,
    deadline: Deadline,
) -> Result<Finish, CustodyError> {
    let keys = &context.routes.keys;
    let handle = &key.handle_id;
    let (gate, lease) = keys.prepare(handle, || opening::new_gate(context))?;
    let finished = finish_at(context, key, &gate, deadline).await;
    drop(lease);
    keys.clear(handle);
    finished
}

/// Holds the barrier, so that neither a signature nor another try to retire the key is under way.
async fn finish_at(
    context: &ProviderContext,
    key: &SigningKey,
    gate: &Arc<KeyGate>,
    deadline: Deadline,
) -> Result<Finish, CustodyError> {
    let patience = deadline.min(Deadline::after(PATIENCE));
    let barrier = match gate.barrier(patience).await {
        Ok(barrier) => barrier,
        Err(CustodyError::KeyRetired) => return Ok(Finish::Superfluous),
        Err(error) => return Err(error),
    };
    let registry = context.ports.registry.as_ref();
    let begun = registry.begun_retirements().await.map_err(from_registry)?;
    let is_same = |begun: &&SigningKey| begun.handle_id == key.handle_id;
    let Some(key) = begun.iter().find(is_same) else {
        return Ok(Finish::Superfluous);
    };
    if !gate.is_retiring() {
        if !is_unusable(context, key, deadline).await {
            return Err(provider_down());
        }
        gate.begin_retiring();
    }
    record_retirement(key, registry).await?;
    let routes = &context.routes;
    routes.keys.shut(&key.handle_id);
    drop(barrier);
    routes.currents.forget(key.scope);
    routes.missing.note(&key.handle_id, Presence::Assumed);
    Ok(Finish::Done)
}
