//! The keys that their providers do not show.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use prometheus_client::metrics::gauge::Gauge;
use signer_domain::ports::Presence;
use signer_domain::{HandleId, ProviderName, SigningKey};

use crate::metrics::Metrics;

/// More than this many are not remembered one by one.
const CAPACITY: usize = 65_536;

/// The keys whose providers answer and do not show them, or show another public key in their place:
/// hidden, lost or swapped. They are reported and nothing else is done to them.
#[derive(Debug)]
pub(crate) struct MissingKeys {
    handles: RwLock<HashMap<HandleId, Lack>>,
    /// As many as there are, so that a sign need not take the lock while nothing is missing.
    count: AtomicUsize,
    metrics: Metrics,
}

/// What a provider lacks of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// The key as a whole, as far as it shows.
    Everything,
    /// The private half: whatever it shows of the key, it does not sign with it any more.
    PrivateHalf,
    /// The registered pair: it shows another one in its place.
    Pair,
}

impl MissingKeys {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self {
            handles: RwLock::default(),
            count: AtomicUsize::new(0),
            metrics,
        }
    }

    /// Notes whether the provider of a key shows it.
    pub(crate) fn note(&self, handle: &HandleId, presence: Presence) {
        match presence {
            Presence::Assumed => self.found(handle),
            Presence::Missing => self.missed(handle, Lack::Everything),
            Presence::Swapped => self.missed(handle, Lack::Pair),
        }
    }

    /// Notes that the provider shows the public half of a key. It may have outlived the private one.
    pub(crate) fn note_shown(&self, handle: &HandleId) {
        match self.lack_of(handle) {
            Some(Lack::Everything | Lack::Pair) => self.found(handle),
            Some(Lack::PrivateHalf) | None => {}
        }
    }

    /// Notes that the provider has made a key unusable, and nobody here asked for that.
    pub(crate) fn note_destroyed(&self, handle: &HandleId) {
        self.missed(handle, Lack::PrivateHalf);
    }

    /// Whether the provider of a key has it, as far as known. What became of a retired key is its
    /// provider's own affair.
    pub(crate) fn presence_of(&self, key: &SigningKey) -> Presence {
        if !key.state.may_sign() {
            return Presence::Assumed;
        }
        match self.lack_of(&key.handle_id) {
            Some(Lack::Everything | Lack::PrivateHalf) => Presence::Missing,
            Some(Lack::Pair) => Presence::Swapped,
            None => Presence::Assumed,
        }
    }

    /// A sentence for each provider that does not show keys, and for each that shows others.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut counts = BTreeMap::<(ProviderName, bool), usize>::new();
        for (handle, lack) in self.handles.read().iter() {
            let kind = (handle.provider(), *lack == Lack::Pair);
            *counts.entry(kind).or_default() += 1;
        }
        let warning = |((provider, is_swapped), count)| {
            if is_swapped {
                format!(
                    "registered keys in whose place key provider \"{provider}\" shows another \
                     public key: {count}; \"keys list\" marks them as swapped"
                )
            } else {
                format!(
                    "registered keys that key provider \"{provider}\" does not show: {count}; \
                     \"keys list\" marks them as missing"
                )
            }
        };
        counts.into_iter().map(warning).collect()
    }

    fn lack_of(&self, handle: &HandleId) -> Option<Lack> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        self.handles.read().get(handle).copied()
    }

    fn missed(&self, handle: &HandleId, lack: Lack) {
        let mut handles = self.handles.write();
        let noted = handles.get(handle).copied();
        if noted == Some(lack) || noted.is_none() && handles.len() >= CAPACITY {
            return;
        }
        handles.insert(handle.clone(), lack);
        self.count.store(handles.len(), Ordering::Relaxed);
        if let Some(noted) = noted {
            self.gauge(handle, noted).dec();
        }
        self.gauge(handle, lack).inc();
        let provider = handle.provider();
        match lack {
            Lack::Everything | Lack::PrivateHalf => {
                tracing::error!(%provider, %handle, "provider does not show a registered key");
            }
            Lack::Pair => {
                tracing::error!(%provider, %handle, "provider shows another public key than the registered one");
            }
        }
    }

    fn found(&self, handle: &HandleId) {
        if self.lack_of(handle).is_none() {
            return;
        }
        let mut handles = self.handles.write();
        if let Some(noted) = handles.remove(handle) {
            self.count.store(handles.len(), Ordering::Relaxed);
            self.gauge(handle, noted).dec();
        }
    }

    fn gauge(&self, handle: &HandleId, lack: Lack) -> Gauge {
        match lack {
            Lack::Everything | Lack::PrivateHalf => self.metrics.missing_of(handle.provider()),
            Lack::Pair => self.metrics.swapped_of(handle.provider()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(number: usize) -> HandleId {
        HandleId::parse(&format!("software:platform|k{number}")).unwrap()
    }

    #[test]
    fn a_provider_that_lost_everything_costs_no_memory_without_end() {
        let missing = MissingKeys::new(Metrics::default());
        for number in 0..CAPACITY + 10 {
            missing.note(&handle(number), Presence::Missing);
        }
        assert_eq!(missing.handles.read().len(), CAPACITY);
        for number in 0..CAPACITY + 10 {
            missing.note(&handle(number), Presence::Assumed);
        }
        assert!(missing.handles.read().is_empty());
        assert_eq!(missing.lack_of(&handle(0)), None);
    }

    #[test]
    fn a_swapped_key_is_swapped_until_the_registered_one_is_shown_or_signs() {
        let missing = MissingKeys::new(Metrics::default());
        for end in [
            MissingKeys::note_shown,
            |missing: &MissingKeys, handle: &HandleId| {
                missing.note(handle, Presence::Assumed);
            },
        ] {
            missing.note(&handle(1), Presence::Missing);
            missing.note(&handle(1), Presence::Swapped);
            assert_eq!(missing.lack_of(&handle(1)), Some(Lack::Pair));
            assert_eq!(missing.gauge(&handle(1), Lack::Everything).get(), 0);
            assert_eq!(missing.gauge(&handle(1), Lack::Pair).get(), 1);
            end(&missing, &handle(1));
            assert_eq!(missing.lack_of(&handle(1)), None);
            assert_eq!(missing.gauge(&handle(1), Lack::Pair).get(), 0);
        }
    }

    #[test]
    fn a_key_whose_private_half_is_gone_is_missing_until_it_signs_whatever_is_shown_of_it() {
        let missing = MissingKeys::new(Metrics::default());
        missing.note(&handle(1), Presence::Missing);
        missing.note_shown(&handle(1));
        assert_eq!(missing.lack_of(&handle(1)), None);
        missing.note_destroyed(&handle(1));
        missing.note_shown(&handle(1));
        assert_eq!(missing.lack_of(&handle(1)), Some(Lack::PrivateHalf));
        missing.note(&handle(1), Presence::Assumed);
        assert_eq!(missing.lack_of(&handle(1)), None);
    }
}
