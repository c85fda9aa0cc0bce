//! Labels that do not name exactly one pair, noticed while the custodian runs.
//!
//! Whoever has the PIN may put a second pair under a label, or take a public half away, and the custodian
//! signs on. So each check lists the keys of the token. What an object is and how it is called is read
//! once for each login, and a token that is slow to list its keys is asked less often.

use std::collections::{BTreeMap, HashMap};
use std::ffi::c_ulong;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cryptoki::object::{ObjectClass, ObjectHandle};
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::error::Fault;
use super::key_cache::Epoch;
use super::label::Label;

/// How long one look may read what objects are; the next one goes on.
const READING: Duration = Duration::from_millis(300);
/// A look is followed by a pause this many times as long.
const PAUSE_FACTOR: u32 = 50;
/// How many labels are looked at a second time.
const MOST_NAMED: usize = 256;

/// An object of ours, and `None` for one of others.
pub(super) type Reading = Option<(Label, ObjectClass)>;

/// What is wrong with a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Oddity {
    /// It names more than one pair, or halves of others.
    Doubled,
    /// Its private half has no public one.
    NoPublicHalf,
}

/// How many objects bear a label.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Halves {
    pub(super) private: usize,
    pub(super) public: usize,
}

/// The labels that do not name exactly one pair.
#[derive(Debug, Default)]
pub(super) struct Oddities(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the objects were read.
    epoch: Epoch,
    objects: HashMap<c_ulong, Reading>,
    odd: BTreeMap<String, Oddity>,
    not_before: Option<Instant>,
}

impl Oddities {
    /// Whether it is time for another look.
    pub(super) fn is_due(&self) -> bool {
        let not_before = self.0.lock().not_before;
        not_before.is_none_or(|not_before| Instant::now() >= not_before)
    }

    /// One sentence for each kind.
    pub(super) fn warnings(&self) -> Vec<String> {
        let of = |oddity, what: &str| {
            let count = self.count(oddity);
            (count > 0).then(|| format!("{what}: {count}; \"pkcs11 check\" names them"))
        };
        [
            of(
                Oddity::Doubled,
                "labels in the token that name more than one pair, of which the registered one signs",
            ),
            of(
                Oddity::NoPublicHalf,
                "keys in the token whose public half is gone, for which the registered one serves",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn count(&self, oddity: Oddity) -> usize {
        let state = self.0.lock();
        state.odd.values().filter(|odd| **odd == oddity).count()
    }

    /// Tells of what has come and of what has gone.
    pub(super) fn show(&self, odd: BTreeMap<String, Oddity>) {
        let mut state = self.0.lock();
        for (label, oddity) in &odd {
            if state.odd.get(label) != Some(oddity) {
                tracing::error!(%label, ?oddity, "label in the token does not name exactly one pair");
            }
        }
        for label in state.odd.keys() {
            if !odd.contains_key(label) {
                tracing::info!(%label, "label in the token is in order again");
            }
        }
        state.odd = odd;
    }

    /// Reads what has come since the last look, and tells which labels may be odd; `None` when not all
    /// was read.
    pub(super) fn suspects(
        &self,
        epoch: Epoch,
        handles: &[ObjectHandle],
        read: impl FnMut(ObjectHandle) -> Result<Reading, Fault>,
    ) -> Result<Option<Vec<Label>>, Fault> {
        let mut state = self.0.lock();
        let is_all = state.read_on(epoch, handles, read)?;
        Ok(is_all.then(|| state.suspects()))
    }

    pub(super) fn pause_after(&self, took: Duration) {
        self.0.lock().not_before = Some(Instant::now() + took.saturating_mul(PAUSE_FACTOR));
    }
}

impl State {
    /// Reads on for a while; tells whether all is read.
    fn read_on(
        &mut self,
        epoch: Epoch,
        handles: &[ObjectHandle],
        mut read: impl FnMut(ObjectHandle) -> Result<Reading, Fault>,
    ) -> Result<bool, Fault> {
        if self.epoch != epoch {
            self.objects.clear();
            self.epoch = epoch;
        }
        let mut left_over = std::mem::take(&mut self.objects);
        let began = Instant::now();
        let mut is_all = true;
        for handle in handles {
            let number = handle.handle();
            if let Some(known) = left_over.remove(&number) {
                self.objects.insert(number, known);
            } else if began.elapsed() < READING {
                self.objects.insert(number, read(*handle)?);
            } else {
                is_all = false;
            }
        }
        Ok(is_all)
    }

    fn suspects(&self) -> Vec<Label> {
        let mut halves: HashMap<&Label, Halves> = HashMap::new();
        for (label, class) in self.objects.values().flatten() {
            let halves = halves.entry(label).or_default();
            match *class {
                ObjectClass::PRIVATE_KEY => halves.private += 1,
                _ => halves.public += 1,
            }
        }
        let odd = |(label, halves): (&Label, Halves)| halves.oddity().map(|_| label.clone());
        let suspects = halves.into_iter().filter_map(odd);
        suspects.take(MOST_NAMED).collect()
    }
}

impl Halves {
    /// A public half alone is a tombstone.
    pub(super) const fn oddity(self) -> Option<Oddity> {
        match (self.private, self.public) {
            (0 | 1, 1) | (0, 0) => None,
            (1, 0) => Some(Oddity::NoPublicHalf),
            _ => Some(Oddity::Doubled),
        }
    }
}

/// Adds what is measured of the labels.
pub(super) fn register(oddities: &Arc<Oddities>, registry: &mut Registry) {
    registry.register_collector(Box::new(OddLabels(Arc::clone(oddities))));
}

#[derive(Debug)]
struct OddLabels(Arc<Oddities>);

impl Collector for OddLabels {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(
            "plexsphere_signer_pkcs11_odd_labels",
            "Labels in the token that do not name exactly one pair",
            None,
            ConstGauge::new(0_i64).metric_type(),
        )?;
        for (oddity, kind) in [
            (Oddity::Doubled, "doubled"),
            (Oddity::NoPublicHalf, "no_public_half"),
        ] {
            let count = i64::try_from(self.0.count(oddity)).unwrap_or(i64::MAX);
            let labels = [("kind", kind)];
            ConstGauge::new(count).encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn odd(labels: &[(&str, Oddity)]) -> BTreeMap<String, Oddity> {
        let labels = labels.iter();
        labels
            .map(|(label, oddity)| ((*label).to_owned(), *oddity))
            .collect()
    }

    #[test]
    fn a_pair_and_a_tombstone_are_in_order_and_nothing_else_is() {
        let oddity = |private, public| Halves { private, public }.oddity();
        for (private, public) in [(1, 1), (0, 1)] {
            assert_eq!(oddity(private, public), None);
        }
        assert_eq!(oddity(1, 0), Some(Oddity::NoPublicHalf));
        for (private, public) in [(2, 2), (2, 1), (1, 2), (0, 2), (2, 0)] {
            assert_eq!(oddity(private, public), Some(Oddity::Doubled));
        }
    }

    #[test]
    fn each_kind_is_counted_until_it_is_put_right() {
        let oddities = Oddities::default();
        assert!(oddities.warnings().is_empty());
        oddities.show(odd(&[
            ("a", Oddity::Doubled),
            ("b", Oddity::Doubled),
            ("c", Oddity::NoPublicHalf),
        ]));
        let warnings = oddities.warnings();
        assert_eq!(warnings.len(), 2);
        assert!(warnings[0].contains("more than one pair") && warnings[0].contains(": 2;"));
        assert!(warnings[1].contains("whose public half is gone") && warnings[1].contains(": 1;"));
        oddities.show(odd(&[("c", Oddity::NoPublicHalf)]));
        assert_eq!(oddities.warnings().len(), 1);
        oddities.show(odd(&[]));
        assert!(oddities.warnings().is_empty());
    }

    #[test]
    fn a_token_that_is_slow_to_list_its_keys_is_asked_less_often() {
        let oddities = Oddities::default();
        assert!(oddities.is_due());
        oddities.pause_after(Duration::ZERO);
        assert!(oddities.is_due());
        oddities.pause_after(Duration::from_secs(10));
        assert!(!oddities.is_due());
    }
}
