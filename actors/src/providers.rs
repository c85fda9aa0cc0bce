//! What is known of each provider: its value while it is up, its status, and the room for its work.

use std::sync::Arc;

use parking_lot::RwLock;
use signer_domain::ports::{CustodyError, KeyProviderError, ProviderStatus};
use signer_domain::{Deadline, ProviderName};

use crate::admission::{Admission, Seat};
use crate::guarded::GuardedProvider;
use crate::metrics::Metrics;

/// The configured providers, in the order of configuration.
#[derive(Debug)]
pub(crate) struct Providers {
    table: RwLock<Vec<Standing>>,
    metrics: Metrics,
}

#[derive(Debug)]
struct Standing {
    name: ProviderName,
    /// The provider, while it is up.
    value: Option<Arc<GuardedProvider>>,
    status: ProviderStatus,
    /// Why it is down, in a sentence without anything that a caller or a back end has said.
    ailment: Option<String>,
    /// What it says of itself although it serves.
    warnings: Vec<String>,
    /// How often the provider was given up.
    times_buried: u64,
    /// Who signs or generates with this provider.
    work: Admission,
    /// The shares of batches, each with as many signatures as its key makes at once.
    shares: Admission,
    /// Who retires or reads. A flood of work does not keep them out.
    control: Admission,
}

impl Providers {
    /// Deals `max_in_flight` out to the providers in equal parts.
    pub(crate) fn new(names: &[ProviderName], max_in_flight: usize, metrics: Metrics) -> Self {
        let part = max_in_flight / names.len().max(1);
        let starting = |name: &ProviderName| Standing {
            name: *name,
            value: None,
            status: ProviderStatus::Starting,
            ailment: None,
            warnings: Vec::new(),
            times_buried: 0,
            work: Admission::new(part),
            shares: Admission::new(part / 2),
            control: Admission::new(part),
        };
        let table: Vec<_> = names.iter().map(starting).collect();
        for standing in &table {
            metrics.show_status(standing.name, standing.status);
        }
        Self {
            table: RwLock::new(table),
            metrics,
        }
    }

    /// Whether the provider is configured.
    pub(crate) fn is_configured(&self, name: ProviderName) -> bool {
        self.table
            .read()
            .iter()
            .any(|standing| standing.name == name)
    }

    /// The provider that serves `generate` when the caller names none.
    pub(crate) fn first(&self) -> Option<ProviderName> {
        self.table.read().first().map(|standing| standing.name)
    }

    /// The provider, while it is up.
    pub(crate) fn value(&self, name: ProviderName) -> Option<Arc<GuardedProvider>> {
        let table = self.table.read();
        let standing = table.iter().find(|standing| standing.name == name)?;
        standing.value.clone()
    }

    /// A seat for signing or generating with a provider.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`]; [`CustodyError::KeyNotFound`] when it is not configured.
    pub(crate) fn enter_work(&self, name: ProviderName) -> Result<Seat, CustodyError> {
        let table = self.table.read();
        let standing = table.iter().find(|standing| standing.name == name);
        standing.ok_or(CustodyError::KeyNotFound)?.work.enter()
    }

    /// A seat for anything else. What is not configured has no room, and no work to be kept from.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`].
    pub(crate) fn enter_control(&self, name: ProviderName) -> Result<Option<Seat>, CustodyError> {
        let table = self.table.read();
        let standing = table.iter().find(|standing| standing.name == name);
        standing
            .map(|standing| standing.control.enter())
            .transpose()
    }

    /// Waits for room for a share of a batch. What is not configured has no room.
    ///
    /// # Errors
    /// [`CustodyError::DeadlineExceeded`].
    pub(crate) async fn wait_for_share(
        &self,
        name: ProviderName,
        deadline: Deadline,
    ) -> Result<Option<Seat>, CustodyError> {
        let shares = {
            let table = self.table.read();
            let standing = table.iter().find(|standing| standing.name == name);
            standing.map(|standing| standing.shares.clone())
        };
        match shares {
            Some(shares) => shares.wait(deadline).await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether nobody signs or generates with the provider.
    pub(crate) fn is_at_leisure(&self, name: ProviderName) -> bool {
        let table = self.table.read();
        let standing = table.iter().find(|standing| standing.name == name);
        standing.is_none_or(|standing| standing.work.is_empty() && standing.shares.is_empty())
    }

    /// How often a provider was given up. Whoever opens it asks before.
    pub(crate) fn times_buried(&self, name: ProviderName) -> u64 {
        let table = self.table.read();
        let standing = table.iter().find(|standing| standing.name == name);
        standing.map_or(0, |standing| standing.times_buried)
    }

    /// Lets keys sign with a provider that has proved itself, unless it was given up since its opening
    /// began; whether it was not.
    pub(crate) fn put(&self, provider: Arc<GuardedProvider>, times_buried: u64) -> bool {
        let name = provider.capabilities().name;
        let mut is_wanted = false;
        self.change(name, |standing| {
            is_wanted = standing.times_buried == times_buried;
            if is_wanted {
                standing.value = Some(provider);
            }
        });
        is_wanted
    }

    /// Forgets a provider whose actor has died. Why it was down before is still the best
    /// that is known.
    pub(crate) fn bury(&self, name: ProviderName) {
        self.change(name, |standing| {
            standing.value = None;
            standing.times_buried += 1;
            standing.status = ProviderStatus::Down;
        });
    }

    /// Notes that a provider has proved that it works.
    pub(crate) fn note_ready(&self, name: ProviderName) {
        self.change(name, |standing| {
            standing.status = ProviderStatus::Ready;
            standing.ailment = None;
        });
    }

    /// Notes that a provider is down, and why.
    pub(crate) fn note_ailment(&self, name: ProviderName, error: &KeyProviderError) {
        self.change(name, |standing| {
            standing.status = ProviderStatus::Down;
            standing.ailment = Some(error.to_string());
        });
    }

    /// Notes what a provider says of itself although it serves.
    pub(crate) fn note_warnings(&self, name: ProviderName, warnings: Vec<String>) {
        self.change(name, |standing| standing.warnings = warnings);
    }

    /// Notes that a provider is down and does not say why. What it said before is still the cause.
    pub(crate) fn note_silence(&self, name: ProviderName, sentence: &'static str) {
        self.change(name, |standing| {
            standing.status = ProviderStatus::Down;
            standing.ailment.get_or_insert_with(|| sentence.to_owned());
        });
    }

    /// One sentence for each provider that is down and whose cause is known, and what each says of
    /// itself.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let table = self.table.read();
        let warnings = |standing: &Standing| {
            let name = standing.name;
            let ailment = standing.ailment.as_ref();
            let down = ailment.map(|ailment| format!("key provider \"{name}\" is down: {ailment}"));
            let own = standing.warnings.iter();
            let own = own.map(|warning| format!("key provider \"{name}\": {warning}"));
            down.into_iter().chain(own).collect::<Vec<_>>()
        };
        table.iter().flat_map(warnings).collect()
    }

    /// Where every configured provider stands.
    pub(crate) fn statuses(&self) -> Vec<(ProviderName, ProviderStatus)> {
        self.table
            .read()
            .iter()
            .map(|standing| (standing.name, standing.status))
            .collect()
    }

    fn change(&self, name: ProviderName, change: impl FnOnce(&mut Standing)) {
        let mut table = self.table.write();
        if let Some(standing) = table.iter_mut().find(|standing| standing.name == name) {
            change(standing);
            self.metrics.show_status(name, standing.status);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_restarts_do_not_take_the_place_of_a_cause() {
        let name = ProviderName::new("pkcs11");
        let standings = Providers::new(&[name], 1, Metrics::default());
        standings.note_silence(name, "it says nothing");
        let silent = ["key provider \"pkcs11\" is down: it says nothing"];
        assert_eq!(standings.warnings(), silent);
        standings.note_ailment(name, &KeyProviderError::KeyNotFound);
        let cause = standings.warnings();
        assert_ne!(cause, silent);
        standings.note_silence(name, "it says nothing");
        standings.bury(name);
        assert_eq!(standings.warnings(), cause);
        standings.note_ready(name);
        assert!(standings.warnings().is_empty());
    }
}
