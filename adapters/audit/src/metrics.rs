//! What is measured about the audit log.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The bounds of the histogram in seconds: from a flush into memory to the patience of a caller.
const BUCKETS: [f64; 12] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 2.0,
];

/// What is measured about the audit log.
#[derive(Debug, Clone)]
pub(super) struct AuditMetrics {
    pub(super) entries: Counter,
    pub(super) failures: Counter,
    pub(super) flushes: Histogram,
    backlog: Gauge,
}

impl AuditMetrics {
    pub(super) fn new() -> Self {
        Self {
            entries: Counter::default(),
            failures: Counter::default(),
            flushes: Histogram::new(BUCKETS),
            backlog: Gauge::default(),
        }
    }

    /// Adds the metrics to `registry`, which must not have a prefix: their names are complete.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "plexsphere_signer_audit_entries",
            "Entries that are durable in the audit log",
            self.entries.clone(),
        );
        registry.register(
            "plexsphere_signer_audit_failures",
            "Failed tries to write the audit log, and entries refused without a try",
            self.failures.clone(),
        );
        registry.register_with_unit(
            "plexsphere_signer_audit_flush",
            "Time to write a group of entries and make it durable",
            Unit::Seconds,
            self.flushes.clone(),
        );
        registry.register(
            "plexsphere_signer_audit_backlog",
            "Entries that wait to be written",
            self.backlog.clone(),
        );
    }

    pub(super) fn show_backlog(&self, entries: usize) {
        self.backlog.set(i64::try_from(entries).unwrap_or(i64::MAX));
    }
}
