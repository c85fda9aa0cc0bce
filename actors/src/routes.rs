//! The way from a handle to its key actor, without passing through anybody's mailbox.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix::Addr;
use parking_lot::RwLock;
use signer_domain::ports::{CustodyError, ProviderStatus};
use signer_domain::{HandleId, ProviderName, Scope};

use crate::admission::Seat;
use crate::key::{KeyActor, KeyGate};
use crate::metrics::Metrics;
use crate::provider::ProviderActor;

/// The shared address tables. Locks are held for look-ups only, never across an await.
#[derive(Debug)]
pub(crate) struct Routes {
    keys: RwLock<HashMap<HandleId, KeyRoute>>,
    providers: RwLock<Vec<ProviderRoute>>,
    currents: RwLock<Currents>,
    started: Instant,
    metrics: Metrics,
}

#[derive(Debug)]
struct KeyRoute {
    /// None while the provider is down: the gate outlives the actor, because turns do.
    addr: Option<Addr<KeyActor>>,
    gate: Arc<KeyGate>,
    last_used: AtomicU64,
}

#[derive(Debug)]
struct ProviderRoute {
    name: ProviderName,
    addr: Option<Addr<ProviderActor>>,
    status: ProviderStatus,
}

#[derive(Debug, Default)]
struct Currents {
    /// Grows whenever a scope's current key changed, so that a slow reader cannot put an old answer
    /// back.
    epoch: u64,
    handles: HashMap<Scope, HandleId>,
}

/// The way to one key: a seat in its queue and the address of its actor.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) addr: Addr<KeyActor>,
    /// Keeps the actor from being passivated, and others from overcrowding it.
    _seat: Seat,
}

impl Routes {
    pub(crate) fn new(providers: impl IntoIterator<Item = ProviderName>, metrics: Metrics) -> Self {
        let starting = |name| ProviderRoute {
            name,
            addr: None,
            status: ProviderStatus::Starting,
        };
        let providers = providers.into_iter().map(starting).collect::<Vec<_>>();
        for route in &providers {
            metrics.show_status(route.name, route.status);
        }
        Self {
            keys: RwLock::default(),
            providers: RwLock::new(providers),
            currents: RwLock::default(),
            started: Instant::now(),
            metrics,
        }
    }

    // --- keys ---

    /// The way to a resident key; `None` when its actor is not in memory.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`] when too many wait for the key already.
    pub(crate) fn way_to(&self, handle: &HandleId) -> Result<Option<Way>, CustodyError> {
        let keys = self.keys.read();
        let Some(KeyRoute {
            addr: Some(addr),
            gate,
            last_used,
        }) = keys.get(handle)
        else {
            return Ok(None);
        };
        last_used.store(self.tick(), Ordering::Relaxed);
        let seat = gate.queue.enter().inspect_err(|_overloaded| {
            self.metrics.overloads.inc();
        })?;
        Ok(Some(Way {
            addr: addr.clone(),
            _seat: seat,
        }))
    }

    /// The gate of a key, which a new actor takes over from the one before it.
    pub(crate) fn gate_of(&self, handle: &HandleId) -> Option<Arc<KeyGate>> {
        self.keys
            .read()
            .get(handle)
            .map(|route| Arc::clone(&route.gate))
    }

    /// Whether the key has a living actor.
    pub(crate) fn is_resident(&self, handle: &HandleId) -> bool {
        let keys = self.keys.read();
        keys.get(handle)
            .and_then(|route| route.addr.as_ref())
            .is_some_and(Addr::connected)
    }

    /// Makes a key actor reachable.
    pub(crate) fn admit_key(&self, handle: HandleId, addr: Addr<KeyActor>, gate: Arc<KeyGate>) {
        let last_used = AtomicU64::new(self.tick());
        let mut keys = self.keys.write();
        keys.insert(
            handle,
            KeyRoute {
                addr: Some(addr),
                gate,
                last_used,
            },
        );
        self.count_residents(&keys);
    }

    /// Forgets the address of an actor that has died.
    pub(crate) fn bury_key(&self, handle: &HandleId, dead: &Addr<KeyActor>) {
        let mut keys = self.keys.write();
        if let Some(route) = keys.get_mut(handle)
            && route.addr.as_ref() == Some(dead)
        {
            route.addr = None;
        }
        self.count_residents(&keys);
    }

    /// Lets idle key actors go, least recently used first, until at most `limit` are resident.
    /// An actor without an address to it stops by itself. Nobody can be on the way to one that goes:
    /// a seat is taken under the same lock.
    pub(crate) fn passivate(&self, limit: usize) {
        let mut keys = self.keys.write();
        if keys.len() <= limit {
            return;
        }
        let mut idle: Vec<(u64, HandleId)> = keys
            .iter()
            .filter(|(_, route)| route.gate.is_idle())
            .map(|(handle, route)| (route.last_used.load(Ordering::Relaxed), handle.clone()))
            .collect();
        idle.sort_unstable();
        // A little more than needed goes, so that the scan is not repeated for each new key.
        let excess = keys.len() - limit + limit / 16;
        for (_, handle) in idle.into_iter().take(excess) {
            keys.remove(&handle);
        }
        self.count_residents(&keys);
    }

    fn count_residents(&self, keys: &HashMap<HandleId, KeyRoute>) {
        self.metrics
            .resident_keys
            .set(i64::try_from(keys.len()).unwrap_or(i64::MAX));
    }

    fn tick(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    // --- providers ---

    /// Whether the provider is configured.
    pub(crate) fn is_configured(&self, name: ProviderName) -> bool {
        self.providers.read().iter().any(|route| route.name == name)
    }

    /// The provider that serves `generate` when the caller names none.
    pub(crate) fn first_provider(&self) -> Option<ProviderName> {
        self.providers.read().first().map(|route| route.name)
    }

    /// The address of a provider that is up.
    pub(crate) fn provider(&self, name: ProviderName) -> Option<Addr<ProviderActor>> {
        let providers = self.providers.read();
        providers
            .iter()
            .find(|route| route.name == name)
            .and_then(|route| route.addr.clone())
    }

    /// Makes a provider actor reachable and ready.
    pub(crate) fn admit_provider(&self, name: ProviderName, addr: Addr<ProviderActor>) {
        self.change_provider(name, |route| {
            route.addr = Some(addr);
            route.status = ProviderStatus::Ready;
        });
    }

    /// Cuts a dead provider off, together with the actors of its keys: they hold the dead value.
    pub(crate) fn bury_provider(&self, name: ProviderName) {
        self.change_provider(name, |route| {
            route.addr = None;
            route.status = ProviderStatus::Down;
        });
        let mut keys = self.keys.write();
        for (handle, route) in keys.iter_mut() {
            if handle.provider() == name {
                route.addr = None;
            }
        }
        keys.retain(|_, route| route.addr.is_some() || !route.gate.is_idle());
        self.count_residents(&keys);
    }

    /// Notes where a provider stands.
    pub(crate) fn note_status(&self, name: ProviderName, status: ProviderStatus) {
        self.change_provider(name, |route| route.status = status);
    }

    /// Where every configured provider stands, in the order of configuration.
    pub(crate) fn statuses(&self) -> Vec<(ProviderName, ProviderStatus)> {
        self.providers
            .read()
            .iter()
            .map(|route| (route.name, route.status))
            .collect()
    }

    fn change_provider(&self, name: ProviderName, change: impl FnOnce(&mut ProviderRoute)) {
        let mut providers = self.providers.write();
        if let Some(route) = providers.iter_mut().find(|route| route.name == name) {
            change(route);
            self.metrics.show_status(name, route.status);
        }
    }

    // --- current keys ---

    /// The remembered current key of a scope, or the epoch under which to remember it.
    pub(crate) fn current(&self, scope: Scope) -> Result<HandleId, u64> {
        let currents = self.currents.read();
        currents.handles.get(&scope).cloned().ok_or(currents.epoch)
    }

    /// Remembers what the registry said, unless a change came in between.
    pub(crate) fn remember_current(&self, scope: Scope, handle: HandleId, epoch: u64) {
        let mut currents = self.currents.write();
        if currents.epoch == epoch {
            currents.handles.insert(scope, handle);
        }
    }

    /// Forgets the current key of a scope because it has changed.
    pub(crate) fn forget_current(&self, scope: Scope) {
        let mut currents = self.currents.write();
        currents.epoch += 1;
        currents.handles.remove(&scope);
    }
}
