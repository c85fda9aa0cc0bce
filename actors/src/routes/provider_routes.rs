//! From a provider's name to its actor and status.

use std::num::NonZeroUsize;

use actix::Addr;
use parking_lot::RwLock;
use signer_domain::ProviderName;
use signer_domain::ports::{KeyProviderError, ProviderCapabilities, ProviderStatus};

use crate::admission::Admission;
use crate::metrics::Metrics;
use crate::provider::ProviderActor;

/// The configured providers, in the order of configuration.
#[derive(Debug)]
pub(crate) struct ProviderRoutes {
    table: RwLock<Vec<ProviderRoute>>,
    metrics: Metrics,
}

#[derive(Debug)]
struct ProviderRoute {
    name: ProviderName,
    addr: Option<Addr<ProviderActor>>,
    status: ProviderStatus,
    /// Why it is down, in a sentence without anything that a caller or a back end has said.
    ailment: Option<String>,
    /// What it says of itself although it serves.
    warnings: Vec<String>,
    /// As the provider says once it is up.
    signs_per_turn: NonZeroUsize,
    /// Who signs or generates with this provider.
    work: Admission,
    /// Who retires or reads. A flood of work does not keep them out.
    control: Admission,
}

impl ProviderRoutes {
    /// Deals `max_in_flight` out to the providers in equal parts.
    pub(super) fn new(names: &[ProviderName], max_in_flight: usize, metrics: Metrics) -> Self {
        let part = max_in_flight / names.len().max(1);
        let starting = |name: &ProviderName| ProviderRoute {
            name: *name,
            addr: None,
            status: ProviderStatus::Starting,
            ailment: None,
            warnings: Vec::new(),
            signs_per_turn: NonZeroUsize::MIN,
            work: Admission::new(part),
            control: Admission::new(part),
        };
        let table: Vec<_> = names.iter().map(starting).collect();
        for route in &table {
            metrics.show_status(route.name, route.status);
        }
        Self {
            table: RwLock::new(table),
            metrics,
        }
    }

    /// Whether the provider is configured.
    pub(crate) fn is_configured(&self, name: ProviderName) -> bool {
        self.table.read().iter().any(|route| route.name == name)
    }

    /// The provider that serves `generate` when the caller names none.
    pub(crate) fn first(&self) -> Option<ProviderName> {
        self.table.read().first().map(|route| route.name)
    }

    /// The address of a provider that is up.
    pub(crate) fn address(&self, name: ProviderName) -> Option<Addr<ProviderActor>> {
        let table = self.table.read();
        table
            .iter()
            .find(|route| route.name == name)
            .and_then(|route| route.addr.clone())
    }

    /// How many signatures of a batch one turn with this provider may cover.
    pub(crate) fn signs_per_turn(&self, name: ProviderName) -> NonZeroUsize {
        let table = self.table.read();
        let route = table.iter().find(|route| route.name == name);
        route.map_or(NonZeroUsize::MIN, |route| route.signs_per_turn)
    }

    /// The room for signing and generating with a provider.
    pub(crate) fn work(&self, name: ProviderName) -> Option<Admission> {
        let table = self.table.read();
        let route = table.iter().find(|route| route.name == name);
        route.map(|route| route.work.clone())
    }

    /// The room for everything else.
    pub(crate) fn control(&self, name: ProviderName) -> Option<Admission> {
        let table = self.table.read();
        let route = table.iter().find(|route| route.name == name);
        route.map(|route| route.control.clone())
    }

    /// Makes a provider actor reachable and ready.
    pub(crate) fn admit(&self, capabilities: ProviderCapabilities, addr: Addr<ProviderActor>) {
        self.change(capabilities.name, |route| {
            route.signs_per_turn = capabilities.signs_per_turn;
            route.addr = Some(addr);
            route.status = ProviderStatus::Ready;
            route.ailment = None;
        });
    }

    /// Forgets the address of a provider actor that has died. Why it was down before is still the best
    /// that is known.
    pub(super) fn bury(&self, name: ProviderName) {
        self.change(name, |route| {
            route.addr = None;
            route.status = ProviderStatus::Down;
        });
    }

    /// Notes that a provider has proved that it works.
    pub(crate) fn note_ready(&self, name: ProviderName) {
        self.change(name, |route| {
            route.status = ProviderStatus::Ready;
            route.ailment = None;
        });
    }

    /// Notes that a provider is down, and why.
    pub(crate) fn note_ailment(&self, name: ProviderName, error: &KeyProviderError) {
        self.change(name, |route| {
            route.status = ProviderStatus::Down;
            route.ailment = Some(error.to_string());
        });
    }

    /// Notes what a provider says of itself although it serves.
    pub(crate) fn note_warnings(&self, name: ProviderName, warnings: Vec<String>) {
        self.change(name, |route| route.warnings = warnings);
    }

    /// Notes that a provider is down and does not say why. What it said before is still the cause.
    pub(crate) fn note_silence(&self, name: ProviderName, sentence: &'static str) {
        self.change(name, |route| {
            route.status = ProviderStatus::Down;
            route.ailment.get_or_insert_with(|| sentence.to_owned());
        });
    }

    /// One sentence for each provider that is down and whose cause is known, and what each says of
    /// itself.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let table = self.table.read();
        let warnings = |route: &ProviderRoute| {
            let name = route.name;
            let ailment = route.ailment.as_ref();
            let down = ailment.map(|ailment| format!("key provider \"{name}\" is down: {ailment}"));
            let own = route.warnings.iter();
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
            .map(|route| (route.name, route.status))
            .collect()
    }

    fn change(&self, name: ProviderName, change: impl FnOnce(&mut ProviderRoute)) {
        let mut table = self.table.write();
        if let Some(route) = table.iter_mut().find(|route| route.name == name) {
            change(route);
            self.metrics.show_status(name, route.status);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_and_restarts_do_not_take_the_place_of_a_cause() {
        let name = ProviderName::Pkcs11;
        let routes = ProviderRoutes::new(&[name], 1, Metrics::default());
        routes.note_silence(name, "it says nothing");
        let silent = ["key provider \"pkcs11\" is down: it says nothing"];
        assert_eq!(routes.warnings(), silent);
        routes.note_ailment(name, &KeyProviderError::KeyNotFound);
        let cause = routes.warnings();
        assert_ne!(cause, silent);
        routes.note_silence(name, "it says nothing");
        routes.bury(name);
        assert_eq!(routes.warnings(), cause);
        routes.note_ready(name);
        assert!(routes.warnings().is_empty());
    }
}
