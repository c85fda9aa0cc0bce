//! Objects whose destruction is in doubt.
//!
//! A module may hide an object from the moment it is told to destroy it, and go on hiding it when it
//! then fails: `SoftHSM` does so when its store cannot be written. The object is there all the same,
//! as the next process finds out. So a key that is not seen after such a call counts as gone only once
//! the module has been initialised anew.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::backoff::Backoff;
use super::label::Label;

/// Each of these initialisations interrupts every session for a moment, and a token that refuses to
/// destroy a key may do so for long.
const LONGEST_BETWEEN_INITIALISATIONS: Duration = Duration::from_secs(30);

/// The labels of which an object was to be destroyed, without a certain end.
#[derive(Debug)]
pub(super) struct Doubts(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The epoch of the module in which the latest of these calls was made.
    epochs: HashMap<Label, u64>,
    /// The pauses between initialisations that are made for the sake of a doubt.
    backoff: Backoff,
}

impl Doubts {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            epochs: HashMap::new(),
            backoff: Backoff::up_to(LONGEST_BETWEEN_INITIALISATIONS),
        }))
    }

    /// Notes that an object of this label may be hidden as long as this epoch of the module lasts.
    pub(super) fn note(&self, label: &Label, module_epoch: u64) {
        self.0.lock().epochs.insert(label.clone(), module_epoch);
    }

    /// Notes that the module has destroyed what it was told to.
    pub(super) fn settle(&self, label: &Label) {
        let mut state = self.0.lock();
        state.epochs.remove(label);
        state.backoff.reset();
    }

    /// Whether an object of this label may be there although this epoch of the module shows none.
    pub(super) fn conceal(&self, label: &Label, module_epoch: u64) -> bool {
        let noted = self.0.lock().epochs.get(label).copied();
        noted.is_some_and(|noted| noted >= module_epoch)
    }

    /// Whether nobody can tell what became of an object of this label.
    pub(super) fn are_about(&self, label: &Label) -> bool {
        self.0.lock().epochs.contains_key(label)
    }

    /// How long the next initialisation for the sake of a doubt has to wait.
    pub(super) fn pause(&self, now: Instant) -> Duration {
        self.0.lock().backoff.pause(now)
    }

    /// Counts an initialisation for the sake of a doubt.
    pub(super) fn count(&self, now: Instant) {
        self.0.lock().backoff.count(now);
    }
}

#[cfg(test)]
mod tests {
    use signer_domain::{KeyId, Scope};

    use super::*;
    use crate::sdk::label::{LabelPrefix, Labels};

    #[test]
    fn a_doubt_conceals_until_the_module_is_initialised_anew_or_the_object_is_destroyed() {
        let labels = Labels::new(LabelPrefix::parse("p").unwrap(), 255).unwrap();
        let label = labels.of_key(&Scope::Platform, &KeyId::parse("k1").unwrap());
        let other = labels.of_key(&Scope::Platform, &KeyId::parse("k2").unwrap());
        let doubts = Doubts::new();
        assert!(!doubts.conceal(&label, 1));
        doubts.note(&label, 1);
        assert!(doubts.conceal(&label, 1));
        assert!(!doubts.conceal(&label, 2) && !doubts.conceal(&other, 1));
        assert!(doubts.are_about(&label));
        doubts.note(&label, 2);
        assert!(doubts.conceal(&label, 2));
        doubts.settle(&label);
        assert!(!doubts.conceal(&label, 2) && !doubts.are_about(&label));
    }
}
