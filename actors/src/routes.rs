//! The way from a handle to its key actor, without passing through anybody's mailbox.

mod current_keys;
mod key_routes;
mod provider_routes;

use std::sync::Arc;

use signer_domain::ProviderName;

pub(crate) use current_keys::CurrentKeys;
pub(crate) use key_routes::{KeyRoutes, Way};
pub(crate) use provider_routes::ProviderRoutes;

use crate::metrics::Metrics;

/// The shared address tables. Locks are held for look-ups only, never across an await.
#[derive(Debug)]
pub(crate) struct Routes {
    /// From a handle to its actor.
    pub(crate) keys: KeyRoutes,
    /// From a provider's name to its actor and status.
    pub(crate) providers: ProviderRoutes,
    /// From a scope to the handle that signs for it.
    pub(crate) currents: Arc<CurrentKeys>,
}

impl Routes {
    pub(crate) fn new(providers: impl IntoIterator<Item = ProviderName>, metrics: Metrics) -> Self {
        Self {
            keys: KeyRoutes::new(metrics.clone()),
            providers: ProviderRoutes::new(providers, metrics),
            currents: Arc::default(),
        }
    }

    /// Cuts a dead provider off, together with the actors of its keys: they hold the dead value.
    pub(crate) fn bury_provider(&self, name: ProviderName) {
        self.providers.bury(name);
        self.keys.bury_all_of(name);
    }
}
