//! Which of the pairs that bear the name of the sentinel a session goes by.

use std::sync::Arc;

use cryptoki::object::ObjectHandle;

use signer_domain::ports::SignatureVerifier;
use signer_domain::{Digest, PublicKey};
use signer_verify::vectors::SHA_ABC;
use signer_verify::verifier_for;

use crate::sdk::desk::{Desk, Objects};
use crate::sdk::error::Fault;
use crate::sdk::key_cache::LiveKey;
use crate::sdk::label::Label;

/// How many pairs of that name are examined, each at the price of a signature.
const MOST_PAIRS: usize = 8;

/// What the sentinel signs. It signs nothing else, and nobody learns its signatures.
pub(super) const PROBE: Digest = SHA_ABC;

/// The sentinel that a session goes by.
pub(crate) struct SeenSentinel {
    pub(crate) key: LiveKey,
    /// How many pairs bear its name.
    pub(crate) pairs: usize,
}

impl Desk<'_> {
    /// The sentinel, if the session sees one: of several the pinned one, or else the one whose public
    /// key is the lowest.
    pub(crate) fn see_sentinel(
        &self,
        label: &Label,
        pinned: Option<PublicKey>,
    ) -> Result<Option<SeenSentinel>, Fault> {
        let Objects {
            private,
            public,
            strange,
        } = self.find(label)?;
        let pairs = private.len();
        let found = match (&*private, &*public, strange) {
            ([private], [public], 0) => vec![self.live(*private, *public)?],
            ([], [], 0) => return Ok(None),
            ([], ..) => {
                let context = "looking for the private half of the sentinel";
                return Err(Fault::doubtful(context));
            }
            // Another process may be making a pair at this moment: its public half comes first.
            (_, _, 0) if pairs < public.len() => return Err(half_made(label)),
            (_, _, 0) if pairs > MOST_PAIRS => return Err(too_many(label, pairs)),
            (_, _, 0) if pairs == public.len() => self.pair_up(label, &private, &public)?,
            _ => return Err(halves(label)),
        };
        let lowest_first =
            |key: &LiveKey| (Some(key.public_key) != pinned, *key.public_key.as_bytes());
        let key = found.into_iter().min_by_key(lowest_first);
        Ok(key.map(|key| SeenSentinel { key, pairs }))
    }

    /// Puts the halves of several pairs together. All bear the same name, and which public key a
    /// private half belongs to shows by its signature alone.
    fn pair_up(
        &self,
        label: &Label,
        private: &[ObjectHandle],
        public: &[ObjectHandle],
    ) -> Result<Vec<LiveKey>, Fault> {
        let readable = public.iter().map(|public| self.readable(*public));
        let mut single = readable.collect::<Result<Vec<_>, _>>()?;
        let mut pairs = Vec::new();
        for private in private {
            let signature = self.sign(*private, &PROBE)?;
            let is_own = |(_, verifier): &Readable| verifier.accepts(&PROBE, &signature);
            let own = single.iter().position(is_own);
            let (public_key, verifier) = match own {
                Some(own) => single.swap_remove(own),
                None => return Err(halves(label)),
            };
            pairs.push(LiveKey {
                private: *private,
                public_key,
                verifier,
            });
        }
        Ok(pairs)
    }

    /// A pair that is there, ready to sign and to be checked.
    pub(crate) fn live(
        &self,
        private: ObjectHandle,
        public: ObjectHandle,
    ) -> Result<LiveKey, Fault> {
        let (public_key, verifier) = self.readable(public)?;
        Ok(LiveKey {
            private,
            public_key,
            verifier,
        })
    }

    fn readable(&self, public: ObjectHandle) -> Result<Readable, Fault> {
        let public_key = self.public_key(public)?;
        let verifier = verifier_for(&public_key)
            .map_err(|unusable| Fault::misconfigured("reading a public key", unusable))?;
        Ok((public_key, verifier))
    }
}

/// A public half, and how to verify with it.
type Readable = (PublicKey, Arc<dyn SignatureVerifier>);

fn halves(label: &Label) -> Fault {
    Fault::misconfigured("looking for the sentinel", no_whole_pairs(label))
}

fn half_made(label: &Label) -> Fault {
    Fault::Doubtful {
        context: "looking for the private half of each sentinel",
        source: Some(no_whole_pairs(label).into()),
    }
}

fn no_whole_pairs(label: &Label) -> String {
    format!(
        "the token holds objects labelled {label} that are no whole pairs; destroy those whose other half is gone"
    )
}

fn too_many(label: &Label, pairs: usize) -> Fault {
    Fault::misconfigured(
        "looking for the sentinel",
        format!(
            "the token holds {pairs} pairs labelled {label}, and more than {MOST_PAIRS} are not examined; destroy all but one while no custodian runs"
        ),
    )
}
