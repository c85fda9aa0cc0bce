//! How a key is retired.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use signer_domain::ports::{
    CustodyError, KeyProviderError, KeyRegistry, KeyRegistryError, RetirementNote,
};
use signer_domain::{Deadline, KeyState, SigningKey, Timestamp};

use super::KeyFace;
use crate::errors::{certainly_did_nothing, from_provider, from_registry, provider_silent};
use crate::ports::DrivenPorts;

/// Retires the key: waits until every turn has come back, notes in the registry what is about to happen,
/// then the provider, then the registry, then until every signature has left. The new key of an open
/// rotation is refused before its provider hears of it. What fails before the provider has done its
/// part leaves the key as it was. After that there is no way back: nobody signs any more, and the
/// retirement is finished by whoever calls next. When nobody can tell what the provider did, the
/// note stays, and the next start of the provider finishes what was begun.
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
        let noted = registry.begin_retirement(&face.key).await;
        let note = noted.map_err(from_registry)?;
        if let Err(failure) = tell_provider(face, deadline).await {
            if failure.did_nothing && note == RetirementNote::New {
                cancel(face, registry).await;
            }
            return Err(failure.error);
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

/// Why the provider has not confirmed that the key is unusable.
struct Failure {
    error: CustodyError,
    /// Whether the key is certainly as it was.
    did_nothing: bool,
}

impl Failure {
    const fn with_unknown_outcome(error: CustodyError) -> Self {
        Self {
            error,
            did_nothing: false,
        }
    }
}

async fn tell_provider(face: &KeyFace, deadline: Deadline) -> Result<(), Failure> {
    let call = face.provider.retire(&face.key.handle_id, deadline);
    let guarded = AssertUnwindSafe(call).catch_unwind();
    match tokio::time::timeout(deadline.remaining(), guarded).await {
        // A provider that does not hold the key has nothing to make unusable. The software provider
        // says so of each key it did not generate since it was started; the registry's word counts.
        Ok(Ok(Ok(()) | Err(KeyProviderError::KeyNotFound | KeyProviderError::KeyRetired))) => {
            Ok(())
        }
        Ok(Ok(Err(error))) => Err(Failure {
            did_nothing: certainly_did_nothing(&error),
            error: from_provider(error),
        }),
        Ok(Err(_panic)) => {
            face.metrics.panics.inc();
            tracing::error!(key_id = %face.key.key_id, "provider panicked while retiring");
            Err(Failure::with_unknown_outcome(CustodyError::Internal))
        }
        Err(_elapsed) => Err(Failure::with_unknown_outcome(provider_silent())),
    }
}

/// The next start would retire a key that its provider refused to retire, so the note goes. Where it
/// cannot be taken back that is what happens, and it is what was asked for.
async fn cancel(face: &KeyFace, registry: &dyn KeyRegistry) {
    if let Err(error) = registry.cancel_retirement(&face.key.handle_id).await {
        tracing::warn!(key_id = %face.key.key_id, cause = ?error, "begun retirement is not cancelled");
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
    let now = Timestamp::now();
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
