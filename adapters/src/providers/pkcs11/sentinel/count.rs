//! How many sentinels there are, and that somebody was told.

use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::Level;

/// How many sentinels this process has seen at once.
#[derive(Debug, Default)]
pub(in crate::providers::pkcs11) struct SentinelCount {
    seen: AtomicUsize,
    told: AtomicUsize,
}

impl SentinelCount {
    pub(super) fn note(&self, pairs: usize) {
        self.seen.store(pairs, Ordering::Relaxed);
    }

    /// Says once that there are several, and again when there are more. A token is first used before
    /// anybody listens to the log, so what was not heard counts as not said.
    pub(super) fn tell(&self) {
        let pairs = self.seen.load(Ordering::Relaxed);
        if pairs > 1
            && tracing::enabled!(Level::WARN)
            && self.told.fetch_max(pairs, Ordering::Relaxed) < pairs
        {
            tracing::warn!(
                pairs,
                "token holds several sentinels; this process goes by one of them"
            );
        }
    }
}
