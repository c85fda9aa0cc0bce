//! How the actor of a key comes into memory.

use std::sync::Arc;

use actix::Actor as _;
use signer_domain::HandleId;
use signer_domain::ports::{CustodyError, FreshKey};

use super::ProviderContext;
use crate::errors::from_registry;
use crate::key::{KeyActor, KeyFace, KeyGate};
use crate::settings::VerifyAfterSign;

/// Reads the record of a key; an unknown handle gets no actor.
///
/// # Errors
/// [`CustodyError::KeyNotFound`], [`CustodyError::RegistryUnavailable`].
pub(super) async fn read(
    context: ProviderContext,
    handle: HandleId,
) -> Result<FreshKey, CustodyError> {
    let found = context
        .registry
        .find(&handle)
        .await
        .map_err(from_registry)?;
    found.ok_or(CustodyError::KeyNotFound)
}

/// Starts the actor of a key, unless a call that came first has done so.
///
/// # Errors
/// [`CustodyError::SignatureCheckFailed`] when the registered public key is not usable.
pub(super) fn open(context: &ProviderContext, fresh: FreshKey) -> Result<(), CustodyError> {
    let handle = fresh.key.handle_id.clone();
    if context.routes.keys.is_resident(&handle) {
        return Ok(());
    }
    let face = face(context, fresh)?;
    // Room is made first: the newcomer is idle until its first message arrives.
    let others = context.settings.resident_keys.saturating_sub(1);
    context.routes.keys.passivate(others);
    let actor = KeyActor::new(
        face,
        Arc::clone(&context.registry),
        Arc::clone(&context.routes.currents),
    );
    let gate = actor.gate();
    context.routes.keys.admit(handle, actor.start(), gate);
    Ok(())
}

fn face(context: &ProviderContext, fresh: FreshKey) -> Result<KeyFace, CustodyError> {
    let FreshKey { key, valid_until } = fresh;
    let verifier = match context.settings.verify_after_sign {
        VerifyAfterSign::Always => {
            let made = (context.verifier_for)(&key.public_key).map_err(|error| {
                tracing::error!(key_id = %key.key_id, cause = %error, "registered key is unusable");
                CustodyError::SignatureCheckFailed
            })?;
            Some(made)
        }
        VerifyAfterSign::Never => None,
    };
    let capabilities = context.provider.capabilities();
    let new_gate = || {
        let max_turns = capabilities.max_in_flight.get();
        Arc::new(KeyGate::new(max_turns, context.queue_of_a_key()))
    };
    Ok(KeyFace {
        gate: context
            .routes
            .keys
            .gate_of(&key.handle_id)
            .unwrap_or_else(new_gate),
        signatures: context.metrics.signatures_of(capabilities.name),
        metrics: context.metrics.clone(),
        provider: Arc::clone(&context.provider),
        key,
        valid_until,
        verifier,
    })
}
