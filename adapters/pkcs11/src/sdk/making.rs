//! How a pair is made, and how one that is there is taken over.

use std::time::Duration;

use cryptoki::object::ObjectHandle;

use signer_domain::PublicKey;
use signer_domain::ports::{GeneratedKey, KeyProviderError};

use super::desk::Desk;
use super::error::{Fault, unavailable};
use super::key_cache::{KnownKey, LiveKey};
use super::keys::retired;
use super::label::Label;
use super::pairs::{Pair, headless, look};
use super::session_thread::{Message, SessionThread};

/// How long a public half that is alone may be that of a pair which is being made.
const HALF_MADE: Duration = Duration::from_secs(1);

/// Looks for a pair that may have been made, and takes it over.
pub(super) struct FindPair(pub(super) Label);

impl Message for FindPair {
    type Answer = Option<GeneratedKey>;
    const DOING: &'static str = "looking for a key pair";

    fn carry_out(self, session: &mut SessionThread) -> Result<Self::Answer, KeyProviderError> {
        let Self(label) = &self;
        let found = unless_half_made(session, |session| {
            session.perform(|desk| match look(desk, label, None)? {
                Pair::Live(key, private) => adopt(desk, label, key, private).map(Some),
                Pair::Retired(..) => Err(retired()),
                Pair::Headless(_) => Err(headless(label)),
                Pair::Absent => Ok(None),
            })
        })?;
        found
            .map(|public_key| generated(label, public_key))
            .transpose()
    }
}

/// Asks once more before a key is called retired: modules make the public half of a pair first, and
/// another process may be at that, or an earlier call that has not returned.
fn unless_half_made<T>(
    session: &mut SessionThread,
    mut ask: impl FnMut(&mut SessionThread) -> Result<T, KeyProviderError>,
) -> Result<T, KeyProviderError> {
    match ask(session) {
        Err(KeyProviderError::KeyRetired) => {
            session.pause(HALF_MADE);
            ask(session)
        }
        outcome => outcome,
    }
}

fn generated(label: &Label, public_key: PublicKey) -> Result<GeneratedKey, KeyProviderError> {
    Ok(GeneratedKey {
        handle_id: label.handle()?,
        public_key,
    })
}

/// Makes a pair, or adopts the one that is there: labels are not unique to a token, so it is looked
/// for before each try, also after one that failed, for only its answer may have been lost.
pub(super) struct MakePair(pub(super) Label);

impl Message for MakePair {
    type Answer = GeneratedKey;
    const DOING: &'static str = "generating a key pair";

    fn carry_out(self, session: &mut SessionThread) -> Result<GeneratedKey, KeyProviderError> {
        let Self(label) = &self;
        // A call that does not return may still make the pair of this name, and must not make a second.
        let token = session.token();
        let _claim = token
            .claim(label)
            .ok_or_else(|| unavailable("waiting for a pair of that name being made", true))?;
        let made = unless_half_made(session, |session| make(session, label));
        generated(label, made?)
    }
}

fn make(session: &mut SessionThread, label: &Label) -> Result<PublicKey, KeyProviderError> {
    let deadline = session.deadline;
    let mut has_tried = false;
    session.perform_noting(|desk, touched| {
        match look(desk, label, None)? {
            Pair::Live(key, private) => return adopt(desk, label, key, private),
            // Nothing of this name was there a moment ago, so this is no tombstone, but what is left
            // of our own try.
            Pair::Retired(_, orphan) | Pair::Headless(orphan) if has_tried => {
                tracing::warn!(%label, "removing half a pair that was just made");
                desk.destroy(label, orphan)?;
            }
            Pair::Retired(..) => return Err(retired()),
            Pair::Headless(_) => return Err(headless(label)),
            Pair::Absent => {}
        }
        if deadline.is_past() {
            return Err(Fault::Answer(unavailable(MakePair::DOING, has_tried)));
        }
        has_tried = true;
        *touched = true;
        let (public, private) = desk.generate(label)?;
        let key = desk.live(private, public)?;
        require_alone(desk, label, &key)?;
        take(desk, label, key, private)
    })
}

/// Demands that the pair just made is the only one of its name. Two processes that have both found
/// the name free make two pairs. Each then sees the other's, or has looked before it was made: in
/// that case the other process sees ours. So at most one of them acknowledges the name.
///
/// Nothing is destroyed. By now another custodian may have adopted either pair and acknowledged it,
/// and nobody here can tell on which of the two somebody relies.
fn require_alone(desk: &Desk<'_>, label: &Label, made: &LiveKey) -> Result<(), Fault> {
    let found = desk.find(label)?;
    match (&*found.private, &*found.public, found.strange) {
        // Known by its public key: a module may number an object anew in each search.
        ([_], [public], 0) if desk.public_key(*public)? == made.public_key => Ok(()),
        ([], ..) | (_, [], _) => Err(Fault::doubtful("looking for the pair just made")),
        _ => Err(Fault::misconfigured(
            "making a key pair",
            format!(
                "another process made a pair labelled {label} in this token at the same moment; one slot belongs to one custodian, so stop the other, destroy the pair whose public key is in no registry, and try again"
            ),
        )),
    }
}

/// Takes over a pair that was found, also when only the answer to our own try was lost.
fn adopt(
    desk: &Desk<'_>,
    label: &Label,
    key: LiveKey,
    private: ObjectHandle,
) -> Result<PublicKey, Fault> {
    desk.require_native(label, private)?;
    take(desk, label, key, private)
}

/// Takes a pair into use: it never leaves the token, and it signs. Of a pair that this very call
/// made nothing more is asked: where it comes from is certain, whatever the module says.
fn take(
    desk: &Desk<'_>,
    label: &Label,
    key: LiveKey,
    private: ObjectHandle,
) -> Result<PublicKey, Fault> {
    if !desk.is_confined(private)? {
        return Err(Fault::misconfigured(
            "taking a key pair into use",
            format!("the private key labelled {label} may be read out of the token"),
        ));
    }
    let probe = signer_verify::vectors::SHA_ABC;
    let signature = desk.sign(private, &probe)?;
    if !key.verifier.accepts(&probe, &signature) {
        return Err(Fault::misconfigured(
            "taking a key pair into use",
            format!("the two keys labelled {label} do not belong together"),
        ));
    }
    let public_key = key.public_key;
    desk.keep(label, KnownKey::Live(key));
    Ok(public_key)
}
