//! Permission to sign, and what is known of the key it is for.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use prometheus_client::metrics::counter::Counter;
use signer_domain::ports::{
    CustodyError, FreshKey, KeyProvider, KeyProviderError, KeyRegistry, Presence, ReleaseHold,
    SignatureVerifier, SignedDigest,
};
use signer_domain::{Deadline, Digest, HandleId, Scope, Signature, SigningKey};
use tokio::sync::OwnedSemaphorePermit;

use super::{KeyGate, Seats, doubt};
use crate::errors::{RETRY_SOON, from_provider, provider_silent};
use crate::metrics::Metrics;
use crate::own_acts::OwnActs;
use crate::routes::{MissingKeys, RecordChanges};

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
    pub(crate) registry: Arc<dyn KeyRegistry>,
    pub(crate) own_acts: OwnActs,
    pub(crate) gate: Arc<KeyGate>,
    pub(crate) changes: Arc<RecordChanges>,
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
        let is_changing = self.changes.is_under_way(&self.key.handle_id);
        !is_changing && self.as_of == self.gate.changes() && self.is_in_date()
    }

    fn is_in_date(&self) -> bool {
        self.valid_until.is_none_or(|until| Instant::now() < until)
    }

    /// Whether the signature verifies under the registered key.
    pub(super) fn accepts(&self, digest: &Digest, signature: &Signature) -> bool {
        let verifier = self.verifier.as_ref();
        verifier.is_none_or(|verifier| verifier.accepts(digest, signature))
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

    /// The guard in front of the provider: state first, then block, then quarantine.
    ///
    /// # Errors
    /// [`CustodyError::KeyRetired`], [`CustodyError::KeyBlocked`],
    /// [`CustodyError::SignatureCheckFailed`].
    pub(crate) fn may_sign(&self) -> Result<(), CustodyError> {
        if !self.key.state.may_sign() || self.gate.is_closed() {
            return Err(CustodyError::KeyRetired);
        }
        // While a retirement waits for the registry, its outcome is the better answer.
        if self.gate.is_blocked() && !self.gate.is_retiring() {
            return Err(CustodyError::KeyBlocked);
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

    /// What is known of the key.
    pub(super) fn face(&self) -> &KeyFace {
        &self.face
    }

    /// The same turn under another record of the key.
    ///
    /// # Errors
    /// When the key may not sign under that record.
    pub(super) fn under(self, face: Arc<KeyFace>) -> Result<Self, CustodyError> {
        face.may_sign()?;
        Ok(Self { face, ..self })
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
        // A mark or the end of a rotation may have come between the grant and now.
        face.may_sign()?;
        // Nobody holds the barrier now, so a retirement that has begun came to a halt half-way.
        if face.gate.is_retiring() {
            return Err(CustodyError::RegistryUnavailable {
                retry_after: RETRY_SOON,
            });
        }
        let signature = match ask(face, digest, deadline).await? {
            signature if face.accepts(digest, &signature) => signature,
            _doubtful => doubt::second_try(&self.face, digest, deadline).await?,
        };
        face.note_presence(Presence::Assumed);
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

pub(super) async fn ask(
    face: &KeyFace,
    digest: &Digest,
    deadline: Deadline,
) -> Result<Signature, CustodyError> {
    let signing = face.provider.sign(&face.key.handle_id, digest, deadline);
    let guarded = AssertUnwindSafe(signing).catch_unwind();
    match tokio::time::timeout(deadline.remaining(), guarded).await {
        Ok(Ok(Ok(signature))) => Ok(signature),
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
