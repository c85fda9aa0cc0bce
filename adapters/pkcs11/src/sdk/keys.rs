//! What is done with the key pairs of a token.

use std::sync::Arc;

use cryptoki::object::ObjectHandle;

use signer_domain::ports::{KeyProviderError, SignatureVerifier};
use signer_domain::{Digest, PublicKey, Signature};

use super::desk::Desk;
use super::error::{Fault, with_unknown_outcome};
use super::key_cache::KnownKey;
use super::label::Label;
use super::pairs::{Pair, headless, look};
use super::session_thread::{Message, SessionThread};

pub(super) fn retired() -> Fault {
    Fault::Answer(KeyProviderError::KeyRetired)
}

fn not_found() -> Fault {
    Fault::Answer(KeyProviderError::KeyNotFound)
}

/// Proves that the token is there, whole, and signs.
pub(super) struct CheckToken;

impl Message for CheckToken {
    type Answer = ();
    const DOING: &'static str = "checking the token";

    fn carry_out(self, session: &mut SessionThread) -> Result<(), KeyProviderError> {
        session.perform(|desk| desk.prove().map(drop))
    }
}

/// The same, for the first time in this process.
pub(super) struct MeetToken;

impl Message for MeetToken {
    type Answer = ();
    const DOING: &'static str = "meeting the token";

    fn carry_out(self, session: &mut SessionThread) -> Result<(), KeyProviderError> {
        session.initialise_module_first()?;
        CheckToken.carry_out(session)
    }
}

/// A key that a caller asks for.
#[derive(Debug, Clone)]
pub(super) struct WantedKey {
    pub(super) label: Label,
    /// The public key that is registered for it, as far as known.
    pub(super) registered: Option<PublicKey>,
}

/// What a token signed, and how to tell whether it signed with the key that was meant.
pub(super) struct Signed {
    signature: Signature,
    verifier: Arc<dyn SignatureVerifier>,
}

impl Signed {
    /// The signature, if it is one by the key that was meant. Costs about a fifth of what signing costs
    /// a fast token, so it is not for the thread that has the session.
    pub(super) fn verified(self, digest: &Digest) -> Option<Signature> {
        let is_right = self.verifier.accepts(digest, &self.signature);
        is_right.then_some(self.signature)
    }
}

/// Signs. Whoever asks verifies the signature before anything else is done with it.
#[derive(Clone)]
pub(super) struct SignDigest {
    pub(super) key: WantedKey,
    pub(super) digest: Digest,
}

impl Message for SignDigest {
    type Answer = Signed;
    const DOING: &'static str = "signing";

    fn carry_out(self, session: &mut SessionThread) -> Result<Signed, KeyProviderError> {
        session.perform(|desk| sign_at(desk, &self))
    }
}

/// Signs after a signature was wrong: an object number has come to mean another key, so nothing that
/// was remembered is used, and the session is a new one.
pub(super) struct SignAnew(pub(super) SignDigest);

impl Message for SignAnew {
    type Answer = Signature;
    const DOING: &'static str = SignDigest::DOING;

    fn carry_out(self, session: &mut SessionThread) -> Result<Signature, KeyProviderError> {
        let Self(asked) = self;
        let label = &asked.key.label;
        tracing::error!(%label, "token signed with another key; nothing was released");
        session.token().keys.forget(label);
        session.close();
        session.perform(|desk| {
            let signed = sign_at(desk, &asked)?;
            signed.verified(&asked.digest).ok_or_else(|| {
                tracing::error!(%label, "token signed with another key again");
                desk.token.keys.forget(label);
                Fault::WrongSignature
            })
        })
    }
}

fn sign_at(desk: &Desk<'_>, asked: &SignDigest) -> Result<Signed, Fault> {
    let label = &asked.key.label;
    let known = match desk.known(label) {
        Some(known) => known,
        None => meet(desk, &asked.key)?,
    };
    let KnownKey::Live(key) = known else {
        return Err(retired());
    };
    match desk.sign(key.private, &asked.digest) {
        Ok(signature) => Ok(Signed {
            signature,
            verifier: key.verifier,
        }),
        Err(fault) => {
            desk.token.keys.forget(label);
            Err(fault)
        }
    }
}

/// Looks for a key and remembers it.
fn meet(desk: &Desk<'_>, WantedKey { label, registered }: &WantedKey) -> Result<KnownKey, Fault> {
    let known = match look(desk, label, *registered)? {
        Pair::Live(key, _) => KnownKey::Live(key),
        Pair::Retired(..) => KnownKey::Retired,
        Pair::Headless(_) => return Err(headless(label)),
        Pair::Absent => return Err(not_found()),
    };
    desk.keep(label, known.clone());
    Ok(known)
}

/// Reads the public half, also of a retired key.
pub(super) struct ReadPublicKey(pub(super) WantedKey);

impl Message for ReadPublicKey {
    type Answer = PublicKey;
    const DOING: &'static str = "reading a public key";

    fn carry_out(self, session: &mut SessionThread) -> Result<PublicKey, KeyProviderError> {
        let Self(WantedKey { label, registered }) = self;
        session.perform(|desk| match look(desk, &label, registered)? {
            Pair::Live(key, _) => Ok(key.public_key),
            Pair::Retired(public_key, _) => Ok(public_key),
            Pair::Headless(_) => Err(headless(&label)),
            Pair::Absent => Err(not_found()),
        })
    }
}

/// Destroys the private half and leaves the public one as a tombstone. That it is gone is what a look
/// says, never the answer to the call alone.
pub(super) struct DestroyPrivateKey(pub(super) WantedKey);

impl Message for DestroyPrivateKey {
    type Answer = ();
    const DOING: &'static str = "destroying a private key";

    fn carry_out(self, session: &mut SessionThread) -> Result<(), KeyProviderError> {
        let Self(key) = self;
        let label = &key.label;
        let mut has_tried = false;
        let outcome = session.perform_noting(|desk, touched| {
            if let Some(private) = private_half(desk, &key, has_tried)? {
                has_tried = true;
                *touched = true;
                desk.token.keys.forget(label);
                desk.destroy(label, private)?;
                if private_half(desk, &key, has_tried)?.is_some() {
                    desk.doubt(label);
                    return Err(Fault::doubtful("looking for a key that was just destroyed"));
                }
            }
            desk.keep(label, KnownKey::Retired);
            Ok(())
        });
        outcome.map_err(|error| {
            // A key that a token refuses to destroy may be gone, or hidden, all the same.
            if has_tried || session.token().doubts.are_about(label) {
                with_unknown_outcome(error)
            } else {
                error
            }
        })
    }
}

/// The private half of a pair, unless it is certainly gone.
fn private_half(
    desk: &Desk<'_>,
    WantedKey { label, registered }: &WantedKey,
    was_there: bool,
) -> Result<Option<ObjectHandle>, Fault> {
    match look(desk, label, *registered)? {
        Pair::Live(_, private) => Ok(Some(private)),
        Pair::Headless(private) => {
            tracing::warn!(%label, "retiring a private key without its public key");
            Ok(Some(private))
        }
        Pair::Retired(..) => Ok(None),
        // Some tokens keep no public half of its own: nothing is left behind.
        Pair::Absent if was_there => Ok(None),
        Pair::Absent => Err(not_found()),
    }
}
