//! One worker's connections: who gets a place, and who has to leave when there is none.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::access::Access;
use crate::crowd::{Crowd, Guest, Place};
use crate::memory::MemoryBudget;
use crate::meter::{Holding, Meter};
use crate::peer::Ingress;

/// One worker's connections.
pub(crate) struct Reception {
    access: Access,
    crowd: Arc<Crowd>,
    budget: Arc<MemoryBudget>,
    meters: RefCell<BTreeMap<u64, Rc<Meter>>>,
    next: Cell<u64>,
}

impl Reception {
    pub(crate) const fn new(access: Access, crowd: Arc<Crowd>, budget: Arc<MemoryBudget>) -> Self {
        Self {
            access,
            crowd,
            budget,
            meters: RefCell::new(BTreeMap::new()),
            next: Cell::new(0),
        }
    }

    /// Gives a new connection its place, or none when there is no room for it.
    pub(crate) fn welcome(&self, ingress: Ingress) -> Option<(u64, Rc<Meter>)> {
        let place = self.place_of(self.access.guest(ingress))?;
        let is_stranger = self.access.is_stranger(ingress);
        let meter = Meter::new(Arc::clone(&self.budget), place, is_stranger);
        let meter = Rc::new(meter);
        let number = self.next.get();
        self.next.set(number + 1);
        self.meters.borrow_mut().insert(number, Rc::clone(&meter));
        Some((number, meter))
    }

    fn place_of(&self, guest: Guest) -> Option<Place> {
        if let Some(place) = self.crowd.enter(guest) {
            return Some(place);
        }
        // A probe is let in even where all others are being answered.
        if self.evict_one_of(guest) || guest == Guest::Probe {
            return Some(self.crowd.enter_in_place(guest));
        }
        self.crowd.turn_away();
        None
    }

    /// A connection has ended.
    pub(crate) fn forget(&self, number: u64) {
        self.meters.borrow_mut().remove(&number);
    }

    /// Closes the connection of the same user that does the least: first one that never brought a
    /// request, then one that does not get on with it, then one that is idle.
    fn evict_one_of(&self, guest: Guest) -> bool {
        let meters = self.meters.borrow();
        let leaving = meters
            .values()
            .filter_map(|meter| Some((meter.readiness_to_leave(guest)?, meter)))
            .min_by_key(|(readiness, _)| *readiness);
        if let Some((_, meter)) = leaving {
            meter.evict();
        }
        leaving.is_some()
    }

    /// Reserves what a request of this connection takes. Where there is no room, the connection that
    /// has kept bytes the longest without getting on has to leave, so that there is room for the next.
    pub(crate) fn reserve(&self, meter: &Rc<Meter>, bytes: usize) -> Option<Holding> {
        let reserved = meter.reserve(bytes);
        if reserved.is_none() {
            let meters = self.meters.borrow();
            let hoarding = meters
                .values()
                .filter_map(|meter| Some((meter.hoarding_since()?, meter)))
                .min_by_key(|(since, _)| *since);
            if let Some((_, meter)) = hoarding {
                meter.evict();
            }
        }
        reserved
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;

    use super::*;
    use crate::crowd::ConnectionLimits;

    const MIB: usize = 1024 * 1024;

    fn reception() -> Reception {
        let limits = ConnectionLimits::fitting(MIB, 1024);
        Reception::new(
            Access::of_this_process(),
            Crowd::new(limits, Gauge::default(), Counter::default()),
            MemoryBudget::new(MIB, Gauge::default()),
        )
    }

    #[test]
    fn of_probes_the_one_unanswered_for_longest_makes_room_and_never_one_at_work() {
        let reception = reception();
        let probe = || reception.welcome(Ingress::Health).unwrap().1;
        let probes: Vec<_> = (0..64).map(|_| probe()).collect();
        let evicted = || -> Vec<usize> {
            let numbered = probes.iter().enumerate();
            let gone = numbered.filter(|(_, probe)| probe.is_evicted());
            gone.map(|(number, _)| number).collect()
        };
        assert!(evicted().is_empty());
        probes[0].begin(100);
        probes[1].begin(100);
        probes[1].end();
        probes[2].take_in(1);
        let newcomer = probe();
        assert_eq!(evicted(), [2], "it talks and has had no answer");
        for _ in 3..64 {
            probe();
        }
        assert!(!newcomer.is_evicted());
        assert_eq!(evicted(), (2..64).collect::<Vec<_>>());
        probe();
        assert_eq!(evicted(), (1..64).collect::<Vec<_>>());
    }

    #[test]
    fn a_probe_is_let_in_where_all_others_are_at_work() {
        let reception = reception();
        for _ in 0..100 {
            let (_, probe) = reception.welcome(Ingress::Health).unwrap();
            probe.begin(100);
        }
    }
}
