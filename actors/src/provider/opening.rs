//! How the actor of a key comes into memory.

use std::sync::Arc;

use actix::Actor as _;
use signer_domain::HandleId;
use signer_domain::ports::{CustodyError, FreshKey};

use super::ProviderContext;
use crate::errors::from_registry;
use crate::key::{KeyActor, KeyFace, KeyGate};
use crate::settings::VerifyAfterSign;

/// Starts the actor of a key, unless a call that came first has done so. An unknown handle gets none.
///
/// The gate is put in place before the record is read: a rotation that is closed in between finds it
/// and shuts it, and the actor that comes to it with the older record grants nothing.
///
/// # Errors
/// [`CustodyError::KeyNotFound`]; [`CustodyError::RegistryUnavailable`];
/// [`CustodyError::SignatureCheckFailed`] when the registered public key is not usable.
pub(super) async fn open(context: ProviderContext, handle: HandleId) -> Result<(), CustodyError> {
    let keys = &context.routes.keys;
    let (gate, lease) = keys.prepare(&handle, || new_gate(&context))?;
    let as_of = gate.changes();
    let opened = match read(&context, &handle).await {
        Ok(fresh) => start(&context, Record { fresh, as_of }, gate),
        Err(error) => Err(error),
    };
    drop(lease);
    if opened.is_err() {
        keys.clear(&handle);
    }
    opened
}

/// What the registry said of a key, and how many changes the gate counted before.
struct Record {
    fresh: FreshKey,
    as_of: u64,
}

async fn read(context: &ProviderContext, handle: &HandleId) -> Result<FreshKey, CustodyError> {
    let found = context.ports.registry.find(handle).await;
    found
        .map_err(from_registry)?
        .ok_or(CustodyError::KeyNotFound)
}

fn start(
    context: &ProviderContext,
    record: Record,
    gate: Arc<KeyGate>,
) -> Result<(), CustodyError> {
    let handle = record.fresh.key.handle_id.clone();
    if context.routes.keys.is_resident(&handle) {
        return Ok(());
    }
    gate.learn(&record.fresh.key);
    let face = face(context, record, Arc::clone(&gate))?;
    // Room is made first: the newcomer is idle until its first message arrives.
    let others = context.settings.resident_keys.saturating_sub(1);
    context.routes.keys.passivate(others);
    let currents = Arc::clone(&context.routes.currents);
    let actor = KeyActor::new(face, context.ports.clone(), currents);
    context.routes.keys.admit(handle, actor.start(), gate);
    Ok(())
}

pub(super) fn new_gate(context: &ProviderContext) -> KeyGate {
    let max_turns = context.provider.capabilities().max_in_flight.get();
    KeyGate::new(max_turns, context.queue_of_a_key())
}

fn face(
    context: &ProviderContext,
    record: Record,
    gate: Arc<KeyGate>,
) -> Result<KeyFace, CustodyError> {
    let Record { fresh, as_of } = record;
    let FreshKey { key, valid_until } = fresh;
    let verifier = match context.settings.verify_after_sign {
        VerifyAfterSign::Always => {
            let made = (context.ports.verifier_for)(&key.public_key).map_err(|error| {
                tracing::error!(key_id = %key.key_id, cause = %error, "registered key is unusable");
                CustodyError::SignatureCheckFailed
            })?;
            Some(made)
        }
        VerifyAfterSign::Never => None,
    };
    Ok(KeyFace {
        registry: Arc::clone(&context.ports.registry),
        own_acts: context.own_acts.clone(),
        gate,
        changes: Arc::clone(&context.routes.changes),
        missing: Arc::clone(&context.routes.missing),
        signatures: context.metrics.signatures_of(context.name()),
        metrics: context.metrics.clone(),
        provider: Arc::clone(&context.provider),
        key,
        valid_until,
        as_of,
        verifier,
    })
}
