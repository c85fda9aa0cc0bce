//! How many sentinels there are, as far as somebody was told.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The most sentinels that this process has told of at once.
#[derive(Debug, Default)]
pub(super) struct SentinelCount(AtomicUsize);

impl SentinelCount {
    /// Says once that there are several, and again when there are more.
    pub(super) fn note(&self, pairs: usize) {
        if pairs > 1 && self.0.fetch_max(pairs, Ordering::Relaxed) < pairs {
            tracing::warn!(
                pairs,
                "token holds several sentinels; this process goes by one of them"
            );
        }
    }
}
