//! From a handle to its actor.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use actix::Addr;
use parking_lot::RwLock;
use signer_domain::ports::CustodyError;
use signer_domain::{HandleId, ProviderName};

use crate::admission::Seat;
use crate::key::{KeyActor, KeyGate};
use crate::metrics::Metrics;

/// The keys whose actors are in memory.
#[derive(Debug)]
pub(crate) struct KeyRoutes {
    table: RwLock<HashMap<HandleId, KeyRoute>>,
    started: Instant,
    metrics: Metrics,
}

#[derive(Debug)]
struct KeyRoute {
    /// None while the provider is down: the gate outlives the actor, because turns do.
    addr: Option<Addr<KeyActor>>,
    gate: Arc<KeyGate>,
    /// Milliseconds since the table was made.
    last_used: AtomicU64,
}

/// The way to one key: the address of its actor and a seat in its queue.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) addr: Addr<KeyActor>,
    /// Travels with the message: it keeps the actor from being passivated, and others from
    /// overcrowding it, also when the asker has gone away.
    pub(crate) seat: Seat,
}

impl KeyRoutes {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            table: RwLock::default(),
            started: Instant::now(),
            metrics,
        }
    }

    /// The way to a resident key; `None` when its actor is not in memory.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`] when too many wait for the key already.
    pub(crate) fn way_to(&self, handle: &HandleId) -> Result<Option<Way>, CustodyError> {
        let table = self.table.read();
        let Some(KeyRoute {
            addr: Some(addr),
            gate,
            last_used,
        }) = table.get(handle)
        else {
            return Ok(None);
        };
        last_used.store(self.tick(), Ordering::Relaxed);
        let seat = gate.queue.enter().inspect_err(|_overloaded| {
            self.metrics.overloads.inc();
        })?;
        Ok(Some(Way {
            addr: addr.clone(),
            seat,
        }))
    }

    /// The gate of a key, which a new actor takes over from the one before it.
    pub(crate) fn gate_of(&self, handle: &HandleId) -> Option<Arc<KeyGate>> {
        self.table
            .read()
            .get(handle)
            .map(|route| Arc::clone(&route.gate))
    }

    /// Whether the key has a living actor.
    pub(crate) fn is_resident(&self, handle: &HandleId) -> bool {
        let table = self.table.read();
        table
            .get(handle)
            .and_then(|route| route.addr.as_ref())
            .is_some_and(Addr::connected)
    }

    /// Makes a key actor reachable.
    pub(crate) fn admit(&self, handle: HandleId, addr: Addr<KeyActor>, gate: Arc<KeyGate>) {
        let last_used = AtomicU64::new(self.tick());
        let mut table = self.table.write();
        table.insert(
            handle,
            KeyRoute {
                addr: Some(addr),
                gate,
                last_used,
            },
        );
        self.show_count(table.len());
    }

    /// Forgets the address of an actor that has died.
    pub(crate) fn bury(&self, handle: &HandleId, dead: &Addr<KeyActor>) {
        let mut table = self.table.write();
        if let Some(route) = table.get_mut(handle)
            && route.addr.as_ref() == Some(dead)
        {
            route.addr = None;
        }
    }

    /// Forgets the addresses of all keys of a provider; gates that still hold something stay.
    pub(super) fn bury_all_of(&self, name: ProviderName) {
        let mut table = self.table.write();
        for (handle, route) in table.iter_mut() {
            if handle.provider() == name {
                route.addr = None;
            }
        }
        table.retain(|_, route| route.addr.is_some() || !route.gate.is_idle());
        self.show_count(table.len());
    }

    /// Lets idle key actors go, least recently used first, until at most `limit` are resident.
    /// An actor without an address to it stops by itself. Nobody can be on the way to one that goes:
    /// a seat is taken under the same lock.
    pub(crate) fn passivate(&self, limit: usize) {
        if self.table.read().len() <= limit {
            return;
        }
        let mut table = self.table.write();
        let mut idle: Vec<(u64, HandleId)> = table
            .iter()
            .filter(|(_, route)| route.gate.is_idle())
            .map(|(handle, route)| (route.last_used.load(Ordering::Relaxed), handle.clone()))
            .collect();
        idle.sort_unstable();
        // A little more than needed goes, so that the scan is not repeated for each new key.
        let excess = table.len().saturating_sub(limit) + limit / 16;
        for (_, handle) in idle.into_iter().take(excess) {
            table.remove(&handle);
        }
        self.show_count(table.len());
    }

    fn show_count(&self, count: usize) {
        self.metrics
            .resident_keys
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    fn tick(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
