//! What it takes to sign with one key.

use std::sync::Arc;

use actix::WeakAddr;
use prometheus_client::metrics::counter::Counter;
use signer_domain::ports::{CustodyError, KeyProviderError, Presence, SignatureVerifier};
use signer_domain::{Deadline, Digest, Signature, SigningKey};

use super::{KeyActor, Means, Room};
use crate::guarded::{CallError, GuardedProvider};

/// What it takes to sign with one key, but for the provider, which must not outlive its actor here.
/// Immutable: a change of the record makes a new one.
#[derive(Debug)]
pub(super) struct Pen {
    pub(super) key: Arc<SigningKey>,
    /// None only where verification after signing is switched off.
    pub(super) verifier: Option<Arc<dyn SignatureVerifier>>,
    pub(super) means: Arc<Means>,
    pub(super) room: Arc<Room>,
    /// Weak, because an actor that can be reached never ends.
    pub(super) actor: WeakAddr<KeyActor>,
    pub(super) signatures: Counter,
}

impl Pen {
    /// Asks the provider for a signature.
    ///
    /// # Errors
    /// By cause.
    pub(super) async fn ask(
        &self,
        provider: &GuardedProvider,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<Signature, CustodyError> {
        let signed = provider.sign(&self.key.handle_id, digest, deadline).await;
        match &signed {
            Err(CallError::Refused(KeyProviderError::KeyNotFound)) => {
                self.note_presence(Presence::Missing);
            }
            Err(CallError::Refused(KeyProviderError::KeyRetired)) => self.note_destroyed(),
            Ok(_) | Err(_) => {}
        }
        signed.map_err(CustodyError::from)
    }

    /// Whether the signature verifies under the registered key.
    pub(super) fn accepts(&self, digest: &Digest, signature: &Signature) -> bool {
        let verifier = self.verifier.as_ref();
        verifier.is_none_or(|verifier| verifier.accepts(digest, signature))
    }

    /// Notes whether the provider shows the key.
    pub(super) fn note_presence(&self, presence: Presence) {
        self.means.missing.note(&self.key.handle_id, presence);
    }

    /// Notes that the provider has retired a key that the registry holds as able to sign: somebody
    /// destroyed its private half behind our back.
    ///
    /// A retirement of ours gives no cause for it. It has the barrier when it tells the provider, and when
    /// it stops half-way the provider is not asked to sign any more. The end of a rotation does not wait
    /// for a slow provider, but it bars the way out before the provider is told. Only a retirement
    /// whose outcome nobody knows may show, and then the key is gone indeed while the registry does
    /// not say so.
    fn note_destroyed(&self) {
        if !self.is_retired() {
            self.means.missing.note_destroyed(&self.key.handle_id);
        }
    }

    pub(super) fn is_retired(&self) -> bool {
        self.room.exit.check() == Err(CustodyError::KeyRetired)
    }
}
