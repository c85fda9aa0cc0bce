//! How a key is retired.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use signer_domain::ports::{CustodyError, KeyProviderError, KeyRegistry, KeyRegistryError};
use signer_domain::{Deadline, KeyState, SigningKey, Timestamp};

use super::KeyFace;
use crate::errors::{from_provider, from_registry, provider_silent};
use crate::ports::DrivenPorts;

/// Retires the key: waits until every turn has come back, then the provider, then the registry, then
/// until every signature has left. The new key of an open rotation is refused before its provider
/// hears of it. What fails before the provider has done its part leaves the key as it was. After
/// that there is no way back: nobody signs any more, and the retirement is finished by whoever calls
/// next.
///
/// # Errors
/// By cause. The call may be repeated.
pub(crate) async fn retire(
    face: &KeyFace,
    ports: &DrivenPorts,
    deadline: Deadline,
) -> Result<SigningKey, CustodyError> {
    let registry = ports.registry.as_ref();
    if face.key.state == KeyState::Retired {
        face.gate.released(deadline).await?;
        return Ok(face.key.clone());
    }
    if deadline.is_past() {
        return Err(CustodyError::DeadlineExceeded);
    }
    let barrier = match face.gate.barrier(deadline).await {
        Ok(barrier) => barrier,
        // Somebody else's retirement came first.
        Err(CustodyError::KeyRetired) => {
            face.gate.released(deadline).await?;
            return registered(face, registry).await;
        }
        Err(error) => return Err(error),
    };
    if !face.gate.is_retiring() {
        refuse_while_it_takes_over(face, ports).await?;
        tell_provider(face, deadline).await?;
        // The registry may take the change and its answer still be lost, so from here on the record
        // in memory is not to be signed under.
        face.gate.begin_retiring();
    }
    let retired = record(face, registry).await?;
    face.gate.close();
    drop(barrier);
    // What was signed before may still wait for its entry in the audit log.
    face.gate.released(deadline).await?;
    tracing::info!(key_id = %retired.key_id, scope = %retired.scope, "key retired");
    Ok(retired)
}

/// The registry has the last word on this, but it has it after the provider was told. A key is never
/// the new one of a rotation that is opened later, so this look is not overtaken.
async fn refuse_while_it_takes_over(
    face: &KeyFace,
    ports: &DrivenPorts,
) -> Result<(), CustodyError> {
    let open = ports.rotations.rotation(&face.key.scope).await;
    match open.map_err(from_registry)? {
        Some(rotation) if rotation.new_handle_id == face.key.handle_id => {
            Err(CustodyError::RotationInProgress)
        }
        Some(_) | None => Ok(()),
    }
}

async fn tell_provider(face: &KeyFace, deadline: Deadline) -> Result<(), CustodyError> {
    let call = face.provider.retire(&face.key.handle_id, deadline);
    let guarded = AssertUnwindSafe(call).catch_unwind();
    match tokio::time::timeout(deadline.remaining(), guarded).await {
        // A provider that does not hold the key has nothing to make unusable. The software provider
        // says so of each key it did not generate since it was started; the registry's word counts.
        Ok(Ok(Ok(()) | Err(KeyProviderError::KeyNotFound | KeyProviderError::KeyRetired))) => {
            Ok(())
        }
        Ok(Ok(Err(error))) => Err(from_provider(error)),
        Ok(Err(_panic)) => {
            face.metrics.panics.inc();
            tracing::error!(key_id = %face.key.key_id, "provider panicked while retiring");
            Err(CustodyError::Internal)
        }
        Err(_elapsed) => Err(provider_silent()),
    }
}

async fn record(face: &KeyFace, registry: &dyn KeyRegistry) -> Result<SigningKey, CustodyError> {
    let now = Timestamp::now();
    match registry.retire(&face.key, now).await {
        Ok(retired) => Ok(retired),
        Err(KeyRegistryError::Conflict) => {
            let key = registered(face, registry).await?;
            registry.retire(&key, now).await.map_err(from_registry)
        }
        Err(error) => Err(from_registry(error)),
    }
}

async fn registered(
    face: &KeyFace,
    registry: &dyn KeyRegistry,
) -> Result<SigningKey, CustodyError> {
    let found = registry
        .find(&face.key.handle_id)
        .await
        .map_err(from_registry)?;
    found
        .map(|fresh| fresh.key)
        .ok_or(CustodyError::KeyNotFound)
}
