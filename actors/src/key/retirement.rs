//! How a key is retired.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use signer_domain::ports::{CustodyError, KeyProviderError, KeyRegistry, KeyRegistryError};
use signer_domain::{Deadline, KeyState, SigningKey, clock};

use super::KeyFace;
use crate::errors::{from_provider, from_registry, provider_down, provider_silent};
use crate::ports::DrivenPorts;

/// Retires the key: waits until every turn has come back, notes in the registry what is about to happen,
/// then the provider, then the registry, then until every signature has left. The new key of an open
/// rotation is refused before anything is noted. What fails before the note leaves the key as it was.
/// With the note there is no way back: the key is blocked, and the provider's actor tries again until
/// the provider has confirmed.
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
            return registered(&face.key, registry).await;
        }
        Err(error) => return Err(error),
    };
    if !face.gate.is_retiring() {
        let noted = registry.begin_retirement(&face.key.handle_id).await;
        // An answer that got lost may have been a yes, so the record is to be read again.
        let noted = noted.inspect_err(|_lost| face.gate.note_change());
        let noted = noted.map_err(from_registry)?;
        if let Err(error) = tell_provider(face, deadline).await {
            // Who waits for a turn learns of the retirement if it succeeds, and of the block only now.
            face.gate.learn(&noted);
            drop(barrier);
            return Err(error);
        }
        // The registry may take the change and its answer still be lost, so from here on the record
        // in memory is not to be signed under.
        face.gate.begin_retiring();
    }
    let retired = record(&face.key, registry).await?;
    face.gate.close();
    drop(barrier);
    // What was signed before may still wait for its entry in the audit log.
    face.gate.released(deadline).await?;
    tracing::info!(key_id = %retired.key_id, scope = %retired.scope, "key retired");
    Ok(retired)
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
        Ok(Ok(Err(error))) => Err(match from_provider(error) {
            // The key is blocked by now, so this is no refusal: the provider is asked again.
            CustodyError::RotationInProgress => provider_down(),
            error => error,
        }),
        Ok(Err(_panic)) => {
            face.metrics.panics.inc();
            tracing::error!(key_id = %face.key.key_id, "provider panicked while retiring");
            Err(CustodyError::Internal)
        }
        Err(_elapsed) => Err(provider_silent()),
    }
}

/// Has the registry retire a key whose provider has made it unusable, also when the record was changed
/// in the meantime.
///
/// # Errors
/// By cause.
pub(crate) async fn record(
    key: &SigningKey,
    registry: &dyn KeyRegistry,
) -> Result<SigningKey, CustodyError> {
    let now = clock::now();
    match registry.retire(key, now).await {
        Ok(retired) => Ok(retired),
        Err(KeyRegistryError::Conflict) => {
            let key = registered(key, registry).await?;
            registry.retire(&key, now).await.map_err(from_registry)
        }
        Err(error) => Err(from_registry(error)),
    }
}

async fn registered(
    key: &SigningKey,
    registry: &dyn KeyRegistry,
) -> Result<SigningKey, CustodyError> {
    let found = registry.find(&key.handle_id).await.map_err(from_registry)?;
    found
        .map(|fresh| fresh.key)
        .ok_or(CustodyError::KeyNotFound)
}
