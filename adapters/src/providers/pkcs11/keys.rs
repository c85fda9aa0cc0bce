//! What is done with the key pairs of a token.

use std::sync::Arc;

use cryptoki::object::ObjectHandle;

use signer_domain::ports::{KeyProviderError, SignatureVerifier};
use signer_domain::{Deadline, Digest, PublicKey, Signature};

use super::desk::Desk;
use super::error::{Fault, with_unknown_outcome};
use super::key_cache::KnownKey;
use super::label::Label;
use super::pairs::{Pair, headless, look};
use super::session_thread::SessionThread;
use super::token::Token;

pub(super) fn retired() -> Fault {
    Fault::Answer(KeyProviderError::KeyRetired)
}

fn not_found() -> Fault {
    Fault::Answer(KeyProviderError::KeyNotFound)
}

/// Proves that the token is there, whole, and signs.
pub(super) fn check(actor: &mut SessionThread, deadline: Deadline) -> Result<(), KeyProviderError> {
    actor.perform(deadline, |desk| {
        desk.prove()?;
        Ok(())
    })
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
pub(super) fn sign(
    actor: &mut SessionThread,
    deadline: Deadline,
    key: &WantedKey,
    digest: &Digest,
) -> Result<Signed, KeyProviderError> {
    actor.perform(deadline, |desk| sign_at(desk, key, digest))
}

/// Signs after a signature was wrong: an object number has come to mean another key, so nothing that
/// was remembered is used, and the session is a new one.
pub(super) fn sign_anew(
    actor: &mut SessionThread,
    deadline: Deadline,
    token: &Token,
    key: &WantedKey,
    digest: &Digest,
) -> Result<Signature, KeyProviderError> {
    let label = &key.label;
    tracing::error!(%label, "token signed with another key; nothing was released");
    token.keys.forget(label);
    actor.close();
    actor.perform(deadline, |desk| {
        let signed = sign_at(desk, key, digest)?;
        signed.verified(digest).ok_or_else(|| {
            tracing::error!(%label, "token signed with another key again");
            token.keys.forget(label);
            Fault::WrongSignature
        })
    })
}

fn sign_at(desk: &Desk<'_>, wanted: &WantedKey, digest: &Digest) -> Result<Signed, Fault> {
    let label = &wanted.label;
    let known = match desk.known(label) {
        Some(known) => known,
        None => meet(desk, wanted)?,
    };
    let KnownKey::Live(key) = known else {
        return Err(retired());
    };
    match desk.sign(key.private, digest) {
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
pub(super) fn public_key(
    actor: &mut SessionThread,
    deadline: Deadline,
    WantedKey { label, registered }: &WantedKey,
) -> Result<PublicKey, KeyProviderError> {
    actor.perform(deadline, |desk| match look(desk, label, *registered)? {
        Pair::Live(key, _) => Ok(key.public_key),
        Pair::Retired(public_key, _) => Ok(public_key),
        Pair::Headless(_) => Err(headless(label)),
        Pair::Absent => Err(not_found()),
    })
}

/// Destroys the private half and leaves the public one as a tombstone. That it is gone is what a look
/// says, never the answer to the call alone.
pub(super) fn retire(
    actor: &mut SessionThread,
    deadline: Deadline,
    token: &Token,
    key: &WantedKey,
) -> Result<(), KeyProviderError> {
    let label = &key.label;
    let mut has_tried = false;
    let outcome = actor.perform_noting(deadline, |desk, touched| {
        if let Some(private) = private_half(desk, key, has_tried)? {
            has_tried = true;
            *touched = true;
            desk.token.keys.forget(label);
            desk.destroy(label, private)?;
            if private_half(desk, key, has_tried)?.is_some() {
                desk.doubt(label);
                return Err(Fault::doubtful("looking for a key that was just destroyed"));
            }
        }
        desk.keep(label, KnownKey::Retired);
        Ok(())
    });
    outcome.map_err(|error| {
        // A key that a token refuses to destroy may be gone, or hidden, all the same.
        if has_tried || token.doubts.are_about(label) {
            with_unknown_outcome(error)
        } else {
            error
        }
    })
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
