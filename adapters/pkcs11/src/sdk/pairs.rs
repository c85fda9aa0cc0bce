//! Which objects of the token are the pair of a name.
//!
//! Somebody else may have put a second pair under a label, or taken the public half away. Then the
//! registered public key tells which private half is meant: the one whose signature verifies under it.
//! A name that is not registered yet is not guessed at.

use std::sync::Arc;

use cryptoki::object::ObjectHandle;

use signer_domain::PublicKey;
use signer_domain::ports::SignatureVerifier;
use signer_verify::vectors::SHA_ABC;
use signer_verify::verifier_for;

use super::desk::{Desk, Objects};
use super::error::{Fault, Remedy};
use super::key_cache::LiveKey;
use super::label::Label;

/// How many private halves of one label are examined, each at the price of a signature.
const MOST_EXAMINED: usize = 8;

/// What becomes visible of a pair.
pub(super) enum Pair {
    /// Its private half is there, and so is a public key to verify with.
    Live(LiveKey, ObjectHandle),
    /// The private half was destroyed; the public one is its tombstone.
    Retired(PublicKey, ObjectHandle),
    /// Half of a pair, without the public key.
    Headless(ObjectHandle),
    /// There is certainly no such pair; others of its name may be there when it is registered.
    Absent,
}

impl Pair {
    const fn lacks_its_private_half(&self) -> bool {
        match self {
            Self::Retired(..) | Self::Absent => true,
            Self::Live(..) | Self::Headless(_) => false,
        }
    }
}

/// Looks for a pair. What is not seen is believed to be gone only between two proofs that the session
/// sees what the token holds, within one login, because between two of them there was none, and in an
/// epoch of the module in which nothing of this name may be hidden.
pub(super) fn look(
    desk: &Desk<'_>,
    label: &Label,
    registered: Option<PublicKey>,
) -> Result<Pair, Fault> {
    let found = desk.find(label)?;
    if !found.private.is_empty() {
        let pair = meant(desk, label, &found, registered)?;
        if !pair.lacks_its_private_half() {
            return Ok(pair);
        }
    }
    desk.witness()?;
    let found = desk.find(label)?;
    desk.testify_again()?;
    desk.token
        .require_no_login_since(desk.standing, desk.until)?;
    let pair = meant(desk, label, &found, registered)?;
    if pair.lacks_its_private_half() {
        desk.require_no_doubt(label)?;
    }
    Ok(pair)
}

fn meant(
    desk: &Desk<'_>,
    label: &Label,
    found: &Objects,
    registered: Option<PublicKey>,
) -> Result<Pair, Fault> {
    match (&*found.private, &*found.public, found.strange, registered) {
        ([private], [public], 0, None) => desk
            .live(*private, *public)
            .map(|key| Pair::Live(key, *private)),
        ([private], [public], 0, Some(registered)) => {
            let shown = desk.live(*private, *public);
            if matches!(&shown, Ok(key) if key.public_key == registered) {
                return shown.map(|key| Pair::Live(key, *private));
            }
            // Whoever asked compares what is shown with what is registered.
            match own(desk, label, found, registered)? {
                Own::Found(key, private) => Ok(Pair::Live(key, private)),
                Own::NotThere | Own::NotCertain => shown.map(|key| Pair::Live(key, *private)),
            }
        }
        ([], [public], 0, _) => Ok(Pair::Retired(desk.public_key(*public)?, *public)),
        ([private], [], 0, registered) => match registered {
            Some(registered) => match own(desk, label, found, registered)? {
                Own::Found(key, private) => Ok(Pair::Live(key, private)),
                Own::NotThere | Own::NotCertain => Ok(Pair::Headless(*private)),
            },
            None => Ok(Pair::Headless(*private)),
        },
        ([], [], 0, _) => Ok(Pair::Absent),
        (.., Some(registered)) => match own(desk, label, found, registered)? {
            Own::Found(key, private) => Ok(Pair::Live(key, private)),
            Own::NotThere => Ok(tombstone(desk, found, registered)
                .map_or(Pair::Absent, |public| Pair::Retired(registered, public))),
            Own::NotCertain => Err(ambiguous(label)),
        },
        (.., None) => Err(ambiguous(label)),
    }
}

/// The private half of a registered public key among the objects of a label.
enum Own {
    Found(LiveKey, ObjectHandle),
    /// Each of them belongs to another public key.
    NotThere,
    /// One of them does not sign, or not the same twice.
    NotCertain,
}

fn own(
    desk: &Desk<'_>,
    label: &Label,
    found: &Objects,
    registered: PublicKey,
) -> Result<Own, Fault> {
    if found.private.len() > MOST_EXAMINED {
        return Err(ambiguous(label));
    }
    let verifier = verifier_for(&registered)
        .map_err(|unusable| Fault::misconfigured("reading a public key", unusable))?;
    let others = found.public.iter().filter_map(|public| {
        // One that cannot be read vouches for nothing.
        let other = desk.public_key(*public).ok()?;
        (other != registered).then(|| verifier_for(&other).ok())?
    });
    let others: Vec<_> = others.collect();
    let mut is_certain = true;
    for private in &found.private {
        match desk.sign(*private, &SHA_ABC) {
            Ok(signature) if verifier.accepts(&SHA_ABC, &signature) => {
                tracing::warn!(
                    %label,
                    private = found.private.len(),
                    public = found.public.len(),
                    "label does not name exactly one pair; going by the registered public key"
                );
                let key = LiveKey {
                    private: *private,
                    public_key: registered,
                    verifier,
                };
                return Ok(Own::Found(key, *private));
            }
            Ok(signature) => {
                let is_of =
                    |other: &Arc<dyn SignatureVerifier>| other.accepts(&SHA_ABC, &signature);
                // A key signs the same message always alike, so a slip of the module shows.
                is_certain &=
                    others.iter().any(is_of) || desk.sign(*private, &SHA_ABC)? == signature;
            }
            // No key that makes such signatures, or one that may not.
            Err(fault) if fault.remedy() == Remedy::Operator => is_certain = false,
            Err(fault) => return Err(fault),
        }
    }
    Ok(if is_certain {
        Own::NotThere
    } else {
        Own::NotCertain
    })
}

fn tombstone(desk: &Desk<'_>, found: &Objects, registered: PublicKey) -> Option<ObjectHandle> {
    let is_registered = |public: &&ObjectHandle| {
        desk.public_key(**public)
            .is_ok_and(|shown| shown == registered)
    };
    found.public.iter().find(is_registered).copied()
}

/// A private half that is alone under a name which the registry does not know.
pub(super) fn headless(label: &Label) -> Fault {
    Fault::misconfigured(
        "looking for the public half of a key pair",
        format!("the token holds a private key labelled {label} without its public key"),
    )
}

fn ambiguous(label: &Label) -> Fault {
    Fault::misconfigured(
        "looking for a key pair",
        format!(
            "the token holds more than one pair labelled {label}; which one is meant is not guessed"
        ),
    )
}
