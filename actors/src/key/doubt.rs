//! What follows on an answer that does not fit the registered key: one fresh look and one further try,
//! and then the quarantine.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use signer_domain::ports::{
    CustodyError, KeyProvider, KeyProviderError, KeyRegistryError, Presence,
};
use signer_domain::{Deadline, Digest, KeyMark, PublicKey, Signature, SigningKey};

use super::KeyFace;
use super::turn::ask;
use crate::errors::RETRY_SOON;
use crate::metrics::Metrics;

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
    face: &Arc<KeyFace>,
    digest: &Digest,
    deadline: Deadline,
) -> Result<Signature, CustodyError> {
    face.metrics.check_failed(face.key.provider());
    let (key_id, provider) = (&face.key.key_id, face.key.provider());
    tracing::warn!(%key_id, %provider, "signature does not verify under the registered key; asking again");
    face.provider.forget(&face.key.handle_id);
    let shown = show(face.provider.as_ref(), &face.key, &face.metrics, deadline).await;
    let signature = ask(face, digest, deadline).await?;
    if face.accepts(digest, &signature) {
        return Ok(signature);
    }
    face.metrics.check_failed(provider);
    tracing::error!(%key_id, %provider, "signature does not verify under the registered key; handle quarantined");
    if matches!(shown, Ok(Some(shown)) if shown != face.key.public_key) {
        face.note_presence(Presence::Swapped);
    }
    quarantine(face).await;
    Err(CustodyError::SignatureCheckFailed)
}

/// Quarantines the key at once, and has the registry keep that, as long as it takes.
pub(crate) async fn quarantine(face: &Arc<KeyFace>) {
    face.gate.quarantine();
    let keeping = tokio::spawn(keep(Arc::clone(face)));
    // Whoever shows the key next should see it. Where the registry is slow the keeping goes on.
    drop(tokio::time::timeout(RECORD_PATIENCE, keeping).await);
}

async fn keep(face: Arc<KeyFace>) {
    let began = Instant::now();
    while face.gate.is_suspect() {
        match face
            .registry
            .mark(&face.key.handle_id, KeyMark::Quarantined)
            .await
        {
            Ok(key) => {
                face.gate.learn(&key);
                face.gate.settle_quarantine();
                face.own_acts.quarantined(&key, began);
            }
            Err(KeyRegistryError::Conflict | KeyRegistryError::RotationInProgress) => return,
            Err(error @ KeyRegistryError::Unavailable { .. }) => {
                tracing::warn!(key_id = %face.key.key_id, cause = %error, "quarantine is not on record yet");
                tokio::time::sleep(RETRY_SOON).await;
            }
        }
    }
}

/// What the provider shows as the public half of a key. Where it is another one than the registered
/// one, the provider is asked once more before that is believed. `Ok(None)` when it did not answer.
///
/// # Errors
/// As the provider answers.
pub(crate) async fn show(
    provider: &dyn KeyProvider,
    key: &SigningKey,
    metrics: &Metrics,
    deadline: Deadline,
) -> Result<Option<PublicKey>, KeyProviderError> {
    let deadline = deadline.min(Deadline::after(LOOK_DEADLINE));
    let mut shown = None;
    for _ in 0..2 {
        let call = provider.public_key(&key.handle_id, deadline);
        let guarded = AssertUnwindSafe(call).catch_unwind();
        shown = match tokio::time::timeout(deadline.remaining(), guarded).await {
            Ok(Ok(answer)) => Some(answer?),
            Ok(Err(_panic)) => {
                metrics.panics.inc();
                tracing::error!(key_id = %key.key_id, "provider panicked while showing a key");
                None
            }
            Err(_elapsed) => None,
        };
        if shown.is_none_or(|shown| shown == key.public_key) {
            break;
        }
        provider.forget(&key.handle_id);
    }
    Ok(shown)
}
