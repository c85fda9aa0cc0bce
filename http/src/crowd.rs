//! How many connections there may be: in all, of one user, of strangers, and of probes.
//!
//! The room is divided beforehand, so that a crowd of one kind never takes the place of another:
//! strangers have a small part of it, and no user has all of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

/// What one connection takes at most while it holds nothing large: the buffers of the HTTP parser and
/// the state of a small request.
pub(crate) const CONNECTION_COST: usize = 32 * 1024;
/// Open files that are none of callers' connections: registry, audit log, token, services, and some.
const OTHER_FILES: usize = 128;
/// How many connections of probes and scrapers may stand about, beside all others.
const PROBES: usize = 64;
/// The fewest connections that are served, whatever the limits.
const FEWEST: usize = 8;

/// How many connections there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ConnectionLimits {
    total: usize,
    per_user: usize,
    strangers: usize,
    per_stranger: usize,
}

impl ConnectionLimits {
    /// The limits that fit into half of `memory` bytes and into `files` open files.
    pub(crate) fn fitting(memory: usize, files: usize) -> Self {
        let by_files = files.saturating_sub(OTHER_FILES.min(files / 2));
        let total = (memory / 2 / CONNECTION_COST).min(by_files).max(FEWEST);
        Self {
            total,
            per_user: total - total / 4,
            strangers: (total / 8).max(2),
            per_stranger: (total / 64).clamp(2, 64),
        }
    }

    pub(crate) const fn total(self) -> usize {
        self.total
    }
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guest {
    /// A user that may use the custodian.
    Admitted(u32),
    /// A user that may not, as far as the kernel told which.
    Stranger(Option<u32>),
    /// Anybody at the health listener.
    Probe,
}

/// The connections there are.
#[derive(Debug)]
pub(crate) struct Crowd {
    limits: ConnectionLimits,
    counts: Mutex<Counts>,
    turned_away: AtomicU64,
    open: Gauge,
    refused: Counter,
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    strangers: usize,
    probes: usize,
    of_users: HashMap<u32, usize>,
    of_strangers: HashMap<Option<u32>, usize>,
}

/// The place of one connection; free again on drop.
#[derive(Debug)]
pub(crate) struct Place {
    crowd: Arc<Crowd>,
    guest: Guest,
}

impl Crowd {
    pub(crate) fn new(limits: ConnectionLimits, open: Gauge, refused: Counter) -> Arc<Self> {
        Arc::new(Self {
            limits,
            counts: Mutex::default(),
            turned_away: AtomicU64::new(0),
            open,
            refused,
        })
    }

    /// Gives a connection of `guest` its place, if one is free.
    pub(crate) fn enter(self: &Arc<Self>, guest: Guest) -> Option<Place> {
        let mut counts = self.counts.lock();
        let is_one_more = counts.total < self.limits.total;
        let has_room = match guest {
            Guest::Admitted(user) => is_one_more && counts.of(user) < self.limits.per_user,
            Guest::Stranger(user) => {
                is_one_more
                    && counts.strangers < self.limits.strangers
                    && counts.of_stranger(user) < self.limits.per_stranger
            }
            Guest::Probe => counts.probes < PROBES,
        };
        has_room.then(|| self.seat(&mut counts, guest))
    }

    /// Gives a connection a place for which another one is about to leave.
    pub(crate) fn enter_in_place(self: &Arc<Self>, guest: Guest) -> Place {
        self.seat(&mut self.counts.lock(), guest)
    }

    fn seat(self: &Arc<Self>, counts: &mut Counts, guest: Guest) -> Place {
        *counts.slot(guest) += 1;
        if matches!(guest, Guest::Stranger(_)) {
            counts.strangers += 1;
        }
        if guest != Guest::Probe {
            counts.total += 1;
            self.open.inc();
        }
        Place {
            crowd: Arc::clone(self),
            guest,
        }
    }

    /// Counts a connection that was closed because there was no room for it.
    pub(crate) fn turn_away(&self) {
        self.refused.inc();
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// How many were closed for want of room since this was asked last.
    pub(crate) fn take_turned_away(&self) -> u64 {
        self.turned_away.swap(0, Ordering::Relaxed)
    }

    fn leave(&self, guest: Guest) {
        let mut counts = self.counts.lock();
        if guest != Guest::Probe {
            counts.total -= 1;
            self.open.dec();
        }
        let slot = counts.slot(guest);
        *slot -= 1;
        let is_last = *slot == 0;
        match guest {
            Guest::Admitted(user) if is_last => drop(counts.of_users.remove(&user)),
            Guest::Admitted(_) | Guest::Probe => {}
            Guest::Stranger(user) => {
                counts.strangers -= 1;
                if is_last {
                    counts.of_strangers.remove(&user);
                }
            }
        }
    }
}

impl Place {
    /// Whose it is.
    pub(crate) const fn guest(&self) -> Guest {
        self.guest
    }
}

impl Counts {
    fn of(&self, user: u32) -> usize {
        self.of_users.get(&user).copied().unwrap_or_default()
    }

    fn of_stranger(&self, user: Option<u32>) -> usize {
        self.of_strangers.get(&user).copied().unwrap_or_default()
    }

    fn slot(&mut self, guest: Guest) -> &mut usize {
        match guest {
            Guest::Admitted(user) => self.of_users.entry(user).or_default(),
            Guest::Stranger(user) => self.of_strangers.entry(user).or_default(),
            Guest::Probe => &mut self.probes,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.leave(self.guest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    fn crowd(limits: ConnectionLimits) -> Arc<Crowd> {
        Crowd::new(limits, Gauge::default(), Counter::default())
    }

    fn fill(crowd: &Arc<Crowd>, guest: Guest) -> Vec<Place> {
        std::iter::from_fn(|| crowd.enter(guest)).collect()
    }

    #[test]
    fn the_limits_fit_the_memory_and_the_open_files() {
        let limits = ConnectionLimits::fitting(128 * MIB, 1 << 20);
        assert_eq!(limits.total * CONNECTION_COST, 64 * MIB);
        assert!(limits.strangers <= limits.total / 8);
        assert_eq!(ConnectionLimits::fitting(128 * MIB, 1024).total, 896);
        assert_eq!(ConnectionLimits::fitting(128 * MIB, 28).total, 14);
        assert_eq!(ConnectionLimits::fitting(1, 1).total, FEWEST);
    }

    #[test]
    fn no_crowd_takes_the_room_of_another() {
        let crowd = crowd(ConnectionLimits::fitting(128 * MIB, 1 << 20));
        let strangers: Vec<_> = (0..1000)
            .flat_map(|user| fill(&crowd, Guest::Stranger(Some(user))))
            .collect();
        assert_eq!(strangers.len(), crowd.limits.strangers);
        let one = fill(&crowd, Guest::Admitted(1000));
        assert_eq!(one.len(), crowd.limits.per_user);
        let other = fill(&crowd, Guest::Admitted(0));
        assert_eq!(other.len(), crowd.limits.total / 8);
        drop((strangers, one, other));
        let counts = crowd.counts.lock();
        assert_eq!((counts.total, counts.strangers), (0, 0));
        assert!(counts.of_users.is_empty() && counts.of_strangers.is_empty());
    }

    #[test]
    fn one_stranger_leaves_room_for_others() {
        let crowd = crowd(ConnectionLimits::fitting(128 * MIB, 1 << 20));
        let one = fill(&crowd, Guest::Stranger(Some(7)));
        assert_eq!(one.len(), crowd.limits.per_stranger);
        assert!(crowd.enter(Guest::Stranger(Some(8))).is_some());
        assert!(crowd.enter(Guest::Stranger(None)).is_some());
    }
}
