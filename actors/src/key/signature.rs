//! How one signature is made.

use signer_domain::ports::{CustodyError, KeyProviderError, Presence, ReleaseHold, SignedDigest};
use signer_domain::{Deadline, Digest, PublicKey};

use super::doubt;
use super::pen::Pen;
use crate::guarded::{CallError, GuardedProvider};

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
