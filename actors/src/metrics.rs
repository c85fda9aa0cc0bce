//! What the actors count.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use signer_domain::ports::ProviderStatus;
use signer_domain::{KeyMarks, ProviderName, SigningKey};

/// The counters of the actors. Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    signatures: Family<OfProvider, Counter>,
    check_failures: Family<OfProvider, Counter>,
    restarts: Family<Restart, Counter>,
    status: Family<Status, Gauge>,
    keys_missing: Family<OfProvider, Gauge>,
    keys_swapped: Family<OfProvider, Gauge>,
    keys_blocked: Counts,
    keys_quarantined: Counts,
    retirements_unconfirmed: Counts,
    scopes_unable_to_sign: Gauge,
    reservations_unsettled: Counts,
    rotations_open: Gauge,
    rotations_overdue: Gauge,
    /// Requests refused because a key's queue, or the custodian as a whole, was full.
    pub(crate) overloads: Counter,
    /// Provider calls that panicked.
    pub(crate) panics: Counter,
    /// Key actors in memory.
    pub(crate) resident_keys: Gauge,
    /// What the process put in order of its own accord.
    pub(crate) repairs: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProvider {
    provider: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Restart {
    provider: Name,
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    provider: Name,
    status: &'static str,
}

/// The name of a provider as a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Name(ProviderName);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.0.as_str().encode(encoder)
    }
}

impl OfProvider {
    const fn of(provider: ProviderName) -> Self {
        let provider = Name(provider);
        Self { provider }
    }
}

impl Metrics {
    /// Makes the counters and registers them under the prefix of the process.
    pub(crate) fn register(registry: &mut Registry, providers: &[ProviderName]) -> Self {
        let metrics = Self::default();
        let mut add = Registrar(registry.sub_registry_with_prefix("plexsphere_signer"));
        add.0.register(
            "signatures",
            "Signatures released",
            metrics.signatures.clone(),
        );
        add.0.register(
            "signature_check_failures",
            "Signatures that did not verify under the registered key and were not released",
            metrics.check_failures.clone(),
        );
        add.0.register(
            "provider_restarts",
            "Restarts of a provider, by cause",
            metrics.restarts.clone(),
        );
        add.0.register(
            "provider_status",
            "1 for the status a provider is in, 0 for the others",
            metrics.status.clone(),
        );
        add.counter(
            "overloads",
            "Requests refused because a queue was full",
            &metrics.overloads,
        );
        add.counter(
            "provider_panics",
            "Provider calls that panicked",
            &metrics.panics,
        );
        add.counter(
            "repairs",
            "Reservations that start-up completed or dropped, and retirements that a provider confirmed late",
            &metrics.repairs,
        );
        add.gauge(
            "rotations_open",
            "Rotations that are open",
            &metrics.rotations_open,
        );
        add.gauge(
            "rotations_overdue",
            "Rotations that should have been closed by now",
            &metrics.rotations_overdue,
        );
        add.0.register(
            "reservations_unsettled",
            "Names that are reserved for keys of which the provider has not said whether it has them",
            metrics.reservations_unsettled.family.clone(),
        );
        add.0.register(
            "keys_missing",
            "Registered keys that their provider does not show",
            metrics.keys_missing.clone(),
        );
        add.0.register(
            "keys_swapped",
            "Registered keys in whose place their provider shows another public key",
            metrics.keys_swapped.clone(),
        );
        add.0.register(
            "keys_blocked",
            "Keys that are blocked, by an operator or because their retirement has begun",
            metrics.keys_blocked.family.clone(),
        );
        add.0.register(
            "keys_quarantined",
            "Keys that are quarantined because signatures by them did not verify",
            metrics.keys_quarantined.family.clone(),
        );
        add.0.register(
            "retirements_unconfirmed",
            "Retired keys whose provider has not confirmed that they are unusable",
            metrics.retirements_unconfirmed.family.clone(),
        );
        add.gauge(
            "scopes_unable_to_sign",
            "Scopes with keys and no current one, or a current one that is blocked or quarantined",
            &metrics.scopes_unable_to_sign,
        );
        add.gauge(
            "resident_keys",
            "Key actors in memory",
            &metrics.resident_keys,
        );
        metrics.begin_series(providers);
        metrics
    }

    /// Begins each series: one that begins with its first event hides that event from a rate over time.
    fn begin_series(&self, providers: &[ProviderName]) {
        for provider in providers {
            let of_provider = OfProvider::of(*provider);
            drop(self.signatures.get_or_create(&of_provider));
            drop(self.check_failures.get_or_create(&of_provider));
            drop(self.keys_missing.get_or_create(&of_provider));
            drop(self.keys_swapped.get_or_create(&of_provider));
        }
        for counts in [
            &self.keys_blocked,
            &self.keys_quarantined,
            &self.retirements_unconfirmed,
            &self.reservations_unsettled,
        ] {
            counts.begin(providers);
        }
    }

    /// The counter of released signatures of one provider.
    pub(crate) fn signatures_of(&self, provider: ProviderName) -> Counter {
        self.signatures
            .get_or_create(&OfProvider::of(provider))
            .clone()
    }

    /// Counts a signature that did not verify.
    pub(crate) fn check_failed(&self, provider: ProviderName) {
        self.check_failures
            .get_or_create(&OfProvider::of(provider))
            .inc();
    }

    /// The gauge of the keys that a provider does not show.
    pub(crate) fn missing_of(&self, provider: ProviderName) -> Gauge {
        gauge_of(&self.keys_missing, provider)
    }

    /// The gauge of the keys in whose place a provider shows others.
    pub(crate) fn swapped_of(&self, provider: ProviderName) -> Gauge {
        gauge_of(&self.keys_swapped, provider)
    }

    /// Shows how many keys of each provider bear which marks, and how many scopes cannot sign.
    pub(crate) fn show_marks(&self, keys: &[SigningKey], scopes: usize) {
        let show = |counts: &Counts, is_counted: fn(KeyMarks) -> bool| {
            let marked = keys.iter().filter(|key| is_counted(key.marks));
            counts.show(marked.map(SigningKey::provider));
        };
        show(&self.keys_blocked, |marks| marks.blocked);
        show(&self.keys_quarantined, |marks| marks.quarantined);
        show(&self.retirements_unconfirmed, |marks| marks.unconfirmed);
        self.scopes_unable_to_sign
            .set(i64::try_from(scopes).unwrap_or(i64::MAX));
    }

    /// Shows how many rotations are open, and how many of them overdue.
    pub(crate) fn show_rotations(&self, open: usize, overdue: usize) {
        let count = |number| i64::try_from(number).unwrap_or(i64::MAX);
        self.rotations_open.set(count(open));
        self.rotations_overdue.set(count(overdue));
    }

    /// Shows how many reservations of each provider nobody has settled.
    pub(crate) fn show_unsettled(&self, providers: impl IntoIterator<Item = ProviderName>) {
        self.reservations_unsettled.show(providers);
    }

    /// Counts a restart.
    pub(crate) fn restarted(&self, provider: ProviderName, cause: &'static str) {
        self.restarts
            .get_or_create(&Restart {
                provider: Name(provider),
                cause,
            })
            .inc();
    }

    /// Shows where a provider stands.
    pub(crate) fn show_status(&self, provider: ProviderName, now: ProviderStatus) {
        for status in [
            ProviderStatus::Starting,
            ProviderStatus::Ready,
            ProviderStatus::Down,
        ] {
            let label = Status {
                provider: Name(provider),
                status: status.as_str(),
            };
            self.status
                .get_or_create(&label)
                .set(i64::from(status == now));
        }
    }
}

fn gauge_of(family: &Family<OfProvider, Gauge>, provider: ProviderName) -> Gauge {
    family.get_or_create(&OfProvider::of(provider)).clone()
}

/// A number for each provider. One that is not configured has a series once there is something to tell.
#[derive(Debug, Clone, Default)]
struct Counts {
    family: Family<OfProvider, Gauge>,
    shown: Arc<Mutex<BTreeMap<ProviderName, Gauge>>>,
}

impl Counts {
    fn begin(&self, providers: &[ProviderName]) {
        let mut shown = self.shown.lock();
        shown.extend(providers.iter().map(|name| (*name, self.gauge_of(*name))));
    }

    /// Shows how often each provider was named.
    fn show(&self, named: impl IntoIterator<Item = ProviderName>) {
        let mut counts = BTreeMap::<ProviderName, i64>::new();
        for name in named {
            *counts.entry(name).or_default() += 1;
        }
        let mut shown = self.shown.lock();
        for name in counts.keys() {
            shown.entry(*name).or_insert_with(|| self.gauge_of(*name));
        }
        for (name, gauge) in shown.iter() {
            gauge.set(counts.get(name).copied().unwrap_or_default());
        }
    }

    fn gauge_of(&self, name: ProviderName) -> Gauge {
        gauge_of(&self.family, name)
    }
}

struct Registrar<'a>(&'a mut Registry);

impl Registrar<'_> {
    fn counter(&mut self, name: &str, help: &str, counter: &Counter) {
        self.0.register(name, help, counter.clone());
    }

    fn gauge(&mut self, name: &str, help: &str, gauge: &Gauge) {
        self.0.register(name, help, gauge.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_is_not_configured_is_counted_once_there_is_something_to_tell() {
        let [ours, gone, never] = ["ours", "gone", "never"].map(ProviderName::new);
        let counts = Counts::default();
        counts.begin(&[ours]);
        let told = |name| {
            counts
                .family
                .get(&OfProvider::of(name))
                .map(|gauge| gauge.get())
        };
        assert_eq!([told(ours), told(gone)], [Some(0), None]);
        counts.show([gone, ours, gone]);
        assert_eq!([told(ours), told(gone)], [Some(1), Some(2)]);
        counts.show([]);
        assert_eq!(
            [told(ours), told(gone), told(never)],
            [Some(0), Some(0), None]
        );
    }
}
