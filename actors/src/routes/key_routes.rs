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
    /// None while the provider is down or the record is being read: the gate is there before the actor
    /// and outlives it.
    addr: Option<Addr<KeyActor>>,
    gate: Arc<KeyGate>,
    /// Milliseconds since the table was made.
    last_used: AtomicU64,
}

impl KeyRoutes {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self {
            table: RwLock::default(),
            started: Instant::now(),
            metrics,
        }
    }

    /// The address and the gate of a resident key, and what `enter` took of the gate under the lock:
    /// who has taken a seat keeps the actor from being passivated.
    ///
    /// # Errors
    /// As `enter`.
    pub(super) fn enter<T>(
        &self,
        handle: &HandleId,
        enter: impl FnOnce(&Arc<KeyGate>) -> Result<T, CustodyError>,
    ) -> Result<Option<(Addr<KeyActor>, T)>, CustodyError> {
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
        let taken = enter(gate)?;
        Ok(Some((addr.clone(), taken)))
    }

    /// The gate of a key whose actor is about to be opened: the one of the actor before it, or a new
    /// one. It is in place before the record is read, so that whoever changes the record meanwhile
    /// can note it there. The lease keeps it in place until the actor is there.
    ///
    /// # Errors
    /// [`CustodyError::Overloaded`] when it can be held by nobody more.
    pub(crate) fn prepare(
        &self,
        handle: &HandleId,
        new_gate: impl FnOnce() -> KeyGate,
    ) -> Result<(Arc<KeyGate>, Seat), CustodyError> {
        let mut table = self.table.write();
        let route = table.entry(handle.clone()).or_insert_with(|| KeyRoute {
            addr: None,
            gate: Arc::new(new_gate()),
            last_used: AtomicU64::new(self.tick()),
        });
        let lease = route.gate.lease()?;
        let gate = Arc::clone(&route.gate);
        self.show_count(table.len());
        Ok((gate, lease))
    }

    /// Takes back what was prepared for an actor that was not opened.
    pub(crate) fn clear(&self, handle: &HandleId) {
        let mut table = self.table.write();
        let is_left = |route: &KeyRoute| route.addr.is_none() && route.gate.is_idle();
        if table.get(handle).is_some_and(is_left) {
            table.remove(handle);
        }
        self.show_count(table.len());
    }

    /// Notes that the record of a key was changed by somebody else than its actor.
    pub(crate) fn note_change(&self, handle: &HandleId) {
        if let Some(gate) = self.gate_of(handle) {
            gate.note_change();
        }
    }

    /// Lets nobody sign with a key any more that the registry says is retired. A gate that comes into
    /// place later belongs to an actor that reads the record later.
    pub(crate) fn shut(&self, handle: &HandleId) {
        if let Some(gate) = self.gate_of(handle) {
            gate.close();
            gate.note_change();
        }
    }

    /// The gate of a key, if one is in place.
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
