//! The keys that their providers do not show.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;
use signer_domain::ports::Presence;
use signer_domain::{HandleId, SigningKey};

use crate::metrics::Metrics;

/// More than this many are not remembered one by one.
const CAPACITY: usize = 65_536;

/// The keys whose providers answer and do not show them, or show another public key in their place:
/// hidden, lost or swapped. They are reported and nothing else is done to them.
#[derive(Debug)]
pub(crate) struct MissingKeys {
    handles: RwLock<HashSet<HandleId>>,
    /// As many as there are, so that a sign need not take the lock while nothing is missing.
    count: AtomicUsize,
    metrics: Metrics,
}

impl MissingKeys {
    pub(super) fn new(metrics: Metrics) -> Self {
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
            Presence::Missing => self.missed(handle),
        }
    }

    /// Whether the provider of a key has it, as far as known. What became of a retired key is its
    /// provider's own affair.
    pub(crate) fn presence_of(&self, key: &SigningKey) -> Presence {
        if key.state.may_sign() && self.holds(&key.handle_id) {
            Presence::Missing
        } else {
            Presence::Assumed
        }
    }

    /// One sentence for each provider that does not show keys.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut counts = BTreeMap::<&str, usize>::new();
        for handle in self.handles.read().iter() {
            *counts.entry(handle.provider().as_str()).or_default() += 1;
        }
        let warning = |(provider, count)| {
            format!(
                "registered keys that key provider \"{provider}\" does not show: {count}; \
                 \"keys list\" marks them as missing"
            )
        };
        counts.into_iter().map(warning).collect()
    }

    fn holds(&self, handle: &HandleId) -> bool {
        self.count.load(Ordering::Relaxed) > 0 && self.handles.read().contains(handle)
    }

    fn missed(&self, handle: &HandleId) {
        let mut handles = self.handles.write();
        if handles.len() >= CAPACITY || !handles.insert(handle.clone()) {
            return;
        }
        self.count.store(handles.len(), Ordering::Relaxed);
        self.metrics.key_missing(handle.provider());
        tracing::error!(provider = %handle.provider(), handle = %handle, "provider does not show a registered key");
    }

    fn found(&self, handle: &HandleId) {
        if !self.holds(handle) {
            return;
        }
        let mut handles = self.handles.write();
        if handles.remove(handle) {
            self.count.store(handles.len(), Ordering::Relaxed);
            self.metrics.key_found(handle.provider());
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
        assert!(missing.handles.read().is_empty() && !missing.holds(&handle(0)));
    }
}
