//! Permission to sign, and what is known of the key it is for.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use prometheus_client::metrics::counter::Counter;
use signer_domain::ports::{
    CustodyError, FreshKey, KeyProvider, KeyProviderError, Presence, ReleaseHold,
    SignatureVerifier, SignedDigest,
};
use signer_domain::{Deadline, Digest, HandleId, Scope, Signature, SigningKey};
use tokio::sync::OwnedSemaphorePermit;

use super::{KeyGate, Seats};
use crate::errors::{RETRY_SOON, from_provider, provider_silent};
use crate::metrics::Metrics;
use crate::routes::MissingKeys;

/// What is known of one key, and the way to its provider. Immutable: a change makes a new one.
#[derive(Debug, Clone)]
pub(crate) struct KeyFace {
    pub(crate) key: SigningKey,
    pub(crate) valid_until: Option<Instant>,
    /// The count of changes by others when the record was read.
    pub(crate) as_of: u64,
    pub(crate) provider: Arc<dyn KeyProvider>,
    /// None only where verification after signing is switched off.
    pub(crate) verifier: Option<Arc<dyn SignatureVerifier>>,
    pub(crate) gate: Arc<KeyGate>,
    pub(crate) missing: Arc<MissingKeys>,
    pub(crate) signatures: Counter,
    pub(crate) metrics: Metrics,
}

impl KeyFace {
    /// The same key with another record, which was read when the gate counted `as_of` changes.
    pub(crate) fn with_record(&self, fresh: FreshKey, as_of: u64) -> Self {
        Self {
            key: fresh.key,
            valid_until: fresh.valid_until,
            as_of,
            ..self.clone()
        }
    }

    /// Whether the record may still be relied on.
    pub(crate) fn is_fresh(&self) -> bool {
        self.as_of == self.gate.changes() && self.is_in_date()
    }

    fn is_in_date(&self) -> bool {
        self.valid_until.is_none_or(|until| Instant::now() < until)
    }

    /// Notes whether the provider shows the key.
    pub(crate) fn note_presence(&self, presence: Presence) {
        self.missing.note(&self.key.handle_id, presence);
    }

    /// Notes that the provider shows the public half.
    pub(crate) fn note_shown(&self) {
        self.missing.note_shown(&self.key.handle_id);
    }

    /// Notes that the provider has retired a key that the registry holds as able to sign: somebody
    /// destroyed its private half behind our back.
    ///
    /// A retirement of ours gives no cause for it. It has all turns in hand when it tells the
    /// provider, and when it stops half-way the next turn ends before the provider is asked. The end
    /// of a rotation does not wait for a slow provider, but it shuts the gate before it tells it.
    /// Only a retirement whose outcome nobody knows may show, and then the key is gone indeed while
    /// the registry does not say so. Whoever shuts the gate strikes the key off afterwards, so
    /// the second look leaves none behind that is noted meanwhile.
    fn note_destroyed(&self) {
        if self.gate.is_closed() {
            return;
        }
        self.missing.note_destroyed(&self.key.handle_id);
        if self.gate.is_closed() {
            self.note_presence(Presence::Assumed);
        }
    }

    /// The guard in front of the provider: state first, then quarantine.
    ///
    /// # Errors
    /// [`CustodyError::KeyRetired`], [`CustodyError::SignatureCheckFailed`].
    pub(crate) fn may_sign(&self) -> Result<(), CustodyError> {
        if !self.key.state.may_sign() || self.gate.is_closed() {
            return Err(CustodyError::KeyRetired);
        }
        if self.gate.is_quarantined() {
            return Err(CustodyError::SignatureCheckFailed);
        }
        Ok(())
    }
}

/// Waits for a turn behind others, in the seats that were taken for it.
///
/// # Errors
/// When the key may not sign, was retired meanwhile, or the deadline passed.
pub(crate) async fn wait(
    face: Arc<KeyFace>,
    deadline: Deadline,
    seats: Seats,
) -> Result<Turn, CustodyError> {
    // The record may have been changed since it was read a moment ago; that a key was retired shows at
    // the gate.
    if !face.is_in_date() {
        return Err(CustodyError::RegistryUnavailable {
            retry_after: RETRY_SOON,
        });
    }
    face.may_sign()?;
    let permit = face.gate.turn(deadline).await?;
    Ok(Turn::new(permit, seats, face))
}

/// Permission to sign. While it is held no retirement of the key completes.
#[derive(Debug)]
pub(crate) struct Turn {
    face: Arc<KeyFace>,
    _permit: OwnedSemaphorePermit,
    /// Kept to the end, so that a key never has more requests under way than its room has seats.
    _seats: Seats,
}

impl Turn {
    pub(crate) const fn new(
        permit: OwnedSemaphorePermit,
        seats: Seats,
        face: Arc<KeyFace>,
    ) -> Self {
        Self {
            face,
            _permit: permit,
            _seats: seats,
        }
    }

    /// The gate that granted the turn.
    pub(crate) fn gate(&self) -> &Arc<KeyGate> {
        &self.face.gate
    }

    /// The key that the turn is for.
    pub(crate) fn handle(&self) -> &HandleId {
        &self.face.key.handle_id
    }

    /// The scope of that key.
    pub(crate) fn scope(&self) -> Scope {
        self.face.key.scope
    }

    /// Signs and verifies on the caller's thread.
    ///
    /// # Errors
    /// By cause. Nothing is released that does not verify.
    pub(crate) async fn sign(
        &self,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<SignedDigest, CustodyError> {
        let face = self.face.as_ref();
        if deadline.is_past() {
            return Err(CustodyError::DeadlineExceeded);
        }
        // A quarantine or the end of a rotation may have come between the grant and now.
        face.may_sign()?;
        // Nobody holds the barrier now, so a retirement that has begun came to a halt half-way.
        if face.gate.is_retiring() {
            return Err(CustodyError::RegistryUnavailable {
                retry_after: RETRY_SOON,
            });
        }
        let mut signature = ask(face, digest, deadline).await?;
        if !accepts(face, digest, &signature) {
            signature = sign_anew(face, digest, deadline).await?;
        }
        // The end of a rotation does not wait for long for a provider that is slow.
        if face.gate.is_closed() {
            return Err(CustodyError::KeyRetired);
        }
        face.signatures.inc();
        Ok(SignedDigest {
            handle_id: face.key.handle_id.clone(),
            scope: face.key.scope,
            key_id: face.key.key_id.clone(),
            signature,
            hold: ReleaseHold::default(),
        })
    }
}

async fn ask(
    face: &KeyFace,
    digest: &Digest,
    deadline: Deadline,
) -> Result<Signature, CustodyError> {
    let signing = face.provider.sign(&face.key.handle_id, digest, deadline);
    let guarded = AssertUnwindSafe(signing).catch_unwind();
    match tokio::time::timeout(deadline.remaining(), guarded).await {
        Ok(Ok(Ok(signature))) => {
            face.note_presence(Presence::Assumed);
            Ok(signature)
        }
        Ok(Ok(Err(error))) => {
            if matches!(error, KeyProviderError::KeyNotFound) {
                face.note_presence(Presence::Missing);
            }
            if matches!(error, KeyProviderError::KeyRetired) {
                face.note_destroyed();
            }
            Err(from_provider(error))
        }
        Ok(Err(_panic)) => {
            face.metrics.panics.inc();
            tracing::error!(key_id = %face.key.key_id, "provider panicked while signing");
            Err(CustodyError::Internal)
        }
        Err(_elapsed) => Err(provider_silent()),
    }
}

/// Whether the signature may be released. Counts the one that may not.
fn accepts(face: &KeyFace, digest: &Digest, signature: &Signature) -> bool {
    let verifier = face.verifier.as_ref();
    let is_right = verifier.is_none_or(|verifier| verifier.accepts(digest, signature));
    if !is_right {
        face.metrics.check_failed(face.key.provider());
    }
    is_right
}

/// Signs once more after a signature that does not verify, with nothing remembered of the key: a back end
/// may answer wrongly once. A second wrong signature quarantines the handle.
async fn sign_anew(
    face: &KeyFace,
    digest: &Digest,
    deadline: Deadline,
) -> Result<Signature, CustodyError> {
    tracing::warn!(
        key_id = %face.key.key_id,
        provider = %face.key.provider(),
        "signature does not verify under the registered key; the provider is asked once more"
    );
    face.provider.forget(&face.key.handle_id);
    let signature = ask(face, digest, deadline).await?;
    if accepts(face, digest, &signature) {
        return Ok(signature);
    }
    face.gate.quarantine();
    tracing::error!(
        key_id = %face.key.key_id,
        provider = %face.key.provider(),
        "signature does not verify under the registered key; handle quarantined"
    );
    Err(CustodyError::SignatureCheckFailed)
}
