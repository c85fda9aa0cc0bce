//! What a request turns out to be about.

use signer_domain::ports::{AuditItem, AuditKey, CustodyError, SignRequest, SignedDigest};
use signer_domain::{Digest, Signature};

use super::key;
use crate::refusal::Refusal;

/// What a request is about, as far as known. Outlives the work itself, so that nothing is forgotten
/// when that is cut short.
#[derive(Debug)]
pub(crate) struct Subject(Option<Facts>);

/// The part of an entry that only the call itself knows.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) key: AuditKey,
    pub(crate) digest: Option<Digest>,
    pub(crate) signature: Option<Signature>,
    pub(crate) items: Vec<AuditItem>,
}

impl Subject {
    /// Nothing is known yet.
    pub(super) fn unknown() -> Self {
        Self(Some(Facts::default()))
    }

    /// Nobody wants to know.
    pub(super) const fn unwanted() -> Self {
        Self(None)
    }

    /// Adds what was found out. Costs nothing when nobody wants to know.
    pub(crate) fn learn(&mut self, teach: impl FnOnce(&mut Facts)) {
        if let Some(facts) = &mut self.0 {
            teach(facts);
        }
    }

    pub(super) const fn take(&mut self) -> Option<Facts> {
        self.0.take()
    }
}

impl Facts {
    /// One digest was signed.
    pub(crate) fn note_signed(&mut self, signed: &SignedDigest) {
        self.key = key::of_signed(signed);
        self.signature = Some(signed.signature);
    }

    /// Many digests are to be signed.
    pub(crate) fn note_items(&mut self, requests: &[SignRequest]) {
        let items = requests.iter().map(|request| AuditItem {
            key: key::of_target(&request.target),
            digest: request.digest,
            signature: None,
            code: None,
        });
        self.items = items.collect();
    }

    /// What became of them, in the same order.
    pub(crate) fn note_outcomes(&mut self, outcomes: &[Result<SignedDigest, CustodyError>]) {
        for (item, outcome) in self.items.iter_mut().zip(outcomes) {
            match outcome {
                Ok(signed) => {
                    item.key = key::of_signed(signed);
                    item.signature = Some(signed.signature);
                }
                Err(error) => item.code = Some(Refusal::from(error.clone()).code.as_str()),
            }
        }
    }
}
