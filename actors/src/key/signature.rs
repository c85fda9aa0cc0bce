//! How one signature is made.

use std::sync::Arc;

use actix::WeakAddr;
use prometheus_client::metrics::counter::Counter;
use signer_domain::ports::{
    CustodyError, KeyProviderError, Presence, ReleaseHold, SignatureVerifier, SignedDigest,
};
use signer_domain::{Deadline, Digest, PublicKey, Signature, SigningKey};

use super::{KeyActor, Means, Room, doubt};
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
    /// Signs and verifies. Nothing comes back that does not verify.
    ///
    /// # Errors
    /// By cause.
    pub(super) async fn sign(
        &self,
        provider: &GuardedProvider,
        digest: &Digest,
        deadline: Deadline,
    ) -> Result<SignedDigest, CustodyError> {
        let signature = match self.ask(provider, digest, deadline).await? {
            signature if self.accepts(digest, &signature) => signature,
            _doubtful => doubt::second_try(self, provider, digest, deadline).await?,
        };
        self.note_presence(Presence::Assumed);
        self.signatures.inc();
        Ok(SignedDigest {
            handle_id: self.key.handle_id.clone(),
            scope: self.key.scope,
            key_id: self.key.key_id.clone(),
            signature,
            hold: ReleaseHold::default(),
        })
    }

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

    fn is_retired(&self) -> bool {
        self.room.exit.check() == Err(CustodyError::KeyRetired)
    }

    /// Reads the public half from the provider; `None` when it cannot be asked, or shows another key
    /// than the registered one: then nothing that it signs for the handle is released, and the handle
    /// is quarantined where signatures are not verified.
    pub(super) async fn public_key(
        &self,
        provider: &GuardedProvider,
        deadline: Deadline,
    ) -> Option<PublicKey> {
        let shown = doubt::show(provider, &self.key, deadline).await;
        // The end of a rotation bars the way out before the record in memory says so.
        let may_sign = self.key.state.may_sign() && !self.is_retired();
        match shown {
            Ok(shown) if shown == self.key.public_key => {
                self.means.missing.note_shown(&self.key.handle_id);
                Some(shown)
            }
            Ok(_another) => {
                if may_sign {
                    self.note_presence(Presence::Swapped);
                }
                if may_sign && self.verifier.is_none() {
                    doubt::quarantine(self).await;
                }
                None
            }
            Err(CallError::Refused(KeyProviderError::KeyNotFound)) if may_sign => {
                self.note_presence(Presence::Missing);
                None
            }
            Err(_) => None,
        }
    }
}
