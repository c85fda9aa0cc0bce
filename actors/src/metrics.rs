//! What the actors count.

use prometheus_client::encoding::EncodeLabelSet;
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
    keys_blocked: Family<OfProvider, Gauge>,
    keys_quarantined: Family<OfProvider, Gauge>,
    retirements_unconfirmed: Family<OfProvider, Gauge>,
    scopes_unable_to_sign: Gauge,
    reservations_unsettled: Family<OfProvider, Gauge>,
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
    provider: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Restart {
    provider: &'static str,
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    provider: &'static str,
    status: &'static str,
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
            metrics.reservations_unsettled.clone(),
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
            metrics.keys_blocked.clone(),
        );
        add.0.register(
            "keys_quarantined",
            "Keys that are quarantined because signatures by them did not verify",
            metrics.keys_quarantined.clone(),
        );
        add.0.register(
            "retirements_unconfirmed",
            "Retired keys whose provider has not confirmed that they are unusable",
            metrics.retirements_unconfirmed.clone(),
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
            let of_provider = OfProvider {
                provider: provider.as_str(),
            };
            drop(self.signatures.get_or_create(&of_provider));
            drop(self.check_failures.get_or_create(&of_provider));
            for gauges in [
                &self.keys_missing,
                &self.keys_swapped,
                &self.keys_blocked,
                &self.keys_quarantined,
                &self.retirements_unconfirmed,
            ] {
                drop(gauges.get_or_create(&of_provider));
            }
            drop(self.reservations_unsettled.get_or_create(&of_provider));
        }
    }

    /// The counter of released signatures of one provider.
    pub(crate) fn signatures_of(&self, provider: ProviderName) -> Counter {
        self.signatures
            .get_or_create(&OfProvider {
                provider: provider.as_str(),
            })
            .clone()
    }

    /// Counts a signature that did not verify.
    pub(crate) fn check_failed(&self, provider: ProviderName) {
        self.check_failures
            .get_or_create(&OfProvider {
                provider: provider.as_str(),
            })
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
        let show = |family, is_counted: fn(KeyMarks) -> bool| {
            let marked = keys.iter().filter(|key| is_counted(key.marks));
            show_counts(family, marked.map(SigningKey::provider));
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
        show_counts(&self.reservations_unsettled, providers);
    }

    /// Counts a restart.
    pub(crate) fn restarted(&self, provider: ProviderName, cause: &'static str) {
        self.restarts
            .get_or_create(&Restart {
                provider: provider.as_str(),
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
                provider: provider.as_str(),
                status: status.as_str(),
            };
            self.status
                .get_or_create(&label)
                .set(i64::from(status == now));
        }
    }
}

fn gauge_of(family: &Family<OfProvider, Gauge>, provider: ProviderName) -> Gauge {
    let provider = provider.as_str();
    family.get_or_create(&OfProvider { provider }).clone()
}

/// Shows how often each provider was named. One that is not configured has a series once there is
/// something to tell.
fn show_counts(
    family: &Family<OfProvider, Gauge>,
    providers: impl IntoIterator<Item = ProviderName>,
) {
    let mut counts = [0_i64].repeat(ProviderName::ALL.len());
    for provider in providers {
        let place = ProviderName::ALL.iter().position(|name| *name == provider);
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    }
    for (provider, count) in ProviderName::ALL.iter().zip(counts) {
        let of_provider = OfProvider {
            provider: provider.as_str(),
        };
        if count > 0 || family.get(&of_provider).is_some() {
            family.get_or_create(&of_provider).set(count);
        }
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
