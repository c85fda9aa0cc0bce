//! What follows on an answer that does not fit the registered key: one fresh look and one further try,
//! and then the quarantine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::WeakAddr;
use signer_domain::ports::{CustodyError, KeyRegistry, KeyRegistryError, Presence};
use signer_domain::{Deadline, Digest, KeyMark, PublicKey, Signature, SigningKey};

use super::change::News;
use super::exit::Suspicion;
use super::pen::Pen;
use super::{KeyActor, Room};
use crate::errors::RETRY_SOON;
use crate::guarded::{CallError, GuardedProvider};
use crate::own_acts::OwnActs;

/// How long the provider may take to show a public key.
const LOOK_DEADLINE: Duration = Duration::from_secs(2);
/// How long a refused sign waits until its quarantine is on record.
const RECORD_PATIENCE: Duration = Duration::from_secs(2);

/// Has a digest signed again whose signature did not verify, after a fresh look at the public key. One
/// wrong answer may be a mishap on the way; the second one quarantines the key.
///
/// # Errors
/// [`CustodyError::SignatureCheckFailed`] when the key is quarantined; and others by cause, which say
/// nothing against the key.
pub(super) async fn second_try(
    pen: &Pen,
    guarded: &GuardedProvider,
    digest: &Digest,
    deadline: Deadline,
) -> Result<Signature, CustodyError> {
    let metrics = &pen.means.metrics;
    let (key_id, provider) = (&pen.key.key_id, pen.key.provider());
    metrics.check_failed(provider);
    tracing::warn!(%key_id, %provider, "signature does not verify under the registered key; asking again");
    guarded.forget(&pen.key.handle_id);
    let shown = show(guarded, &pen.key, deadline).await;
    let signature = pen.ask(guarded, digest, deadline).await?;
    if pen.accepts(digest, &signature) {
        return Ok(signature);
    }
    metrics.check_failed(provider);
    tracing::error!(%key_id, %provider, "signature does not verify under the registered key; handle quarantined");
    if shown.is_ok_and(|shown| shown != pen.key.public_key) {
        pen.note_presence(Presence::Swapped);
    }
    quarantine(pen).await;
    Err(CustodyError::SignatureCheckFailed)
}

/// Quarantines the key at once, and has the registry keep that, as long as it takes.
pub(super) async fn quarantine(pen: &Pen) {
    let keeping = actix_rt::spawn(keep(Keeper {
        suspicion: pen.room.exit.suspect(),
        key: Arc::clone(&pen.key),
        room: Arc::clone(&pen.room),
        registry: Arc::clone(&pen.means.ports.registry),
        own_acts: pen.means.own_acts.clone(),
        actor: pen.actor.clone(),
    }));
    // Whoever shows the key next should see it. Where the registry is slow the keeping goes on.
    drop(tokio::time::timeout(RECORD_PATIENCE, keeping).await);
}

/// What it takes to get a quarantine on record.
struct Keeper {
    suspicion: Suspicion,
    key: Arc<SigningKey>,
    room: Arc<Room>,
    registry: Arc<dyn KeyRegistry>,
    own_acts: OwnActs,
    actor: WeakAddr<KeyActor>,
}

async fn keep(keeper: Keeper) {
    let began = Instant::now();
    let _stays = keeper.room.stay();
    while keeper.room.exit.suspects(keeper.suspicion) {
        let handle = &keeper.key.handle_id;
        match keeper.registry.mark(handle, KeyMark::Quarantined).await {
            Ok(key) => {
                keeper.own_acts.quarantined(&key, began);
                // The actor knows of it before the key is taken for unsuspicious.
                // If it has ended, the next one reads of it.
                if let Some(actor) = keeper.actor.upgrade() {
                    let _learned = actor.send(News::Record(key)).await;
                }
                keeper.room.exit.settle(keeper.suspicion);
            }
            Err(KeyRegistryError::Conflict | KeyRegistryError::RotationInProgress) => return,
            Err(error @ KeyRegistryError::Unavailable { .. }) => {
                tracing::warn!(key_id = %keeper.key.key_id, cause = %error, "quarantine is not on record yet");
                tokio::time::sleep(RETRY_SOON).await;
            }
        }
    }
}

/// What the provider shows as the public half of a key. Where it is another one than the registered
/// one, the provider is asked once more before that is believed.
///
/// # Errors
/// As the provider answers.
pub(crate) async fn show(
    provider: &GuardedProvider,
    key: &SigningKey,
    deadline: Deadline,
) -> Result<PublicKey, CallError> {
    let deadline = deadline.min(Deadline::after(LOOK_DEADLINE));
    let shown = provider.public_key(&key.handle_id, deadline).await?;
    if shown == key.public_key {
        return Ok(shown);
    }
    provider.forget(&key.handle_id);
    provider.public_key(&key.handle_id, deadline).await
}
