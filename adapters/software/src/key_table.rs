//! What the provider remembers: the keys it generated, and the key pairs it derived lately.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::RwLock;

use signer_domain::HandleId;
use signer_key_pair::KeyPair;

/// How many derived key pairs are kept. Deriving one anew costs about as much as one signature.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

/// A key pair is moved to the front of the cache only when so many others came in since it was
/// last there. The lookup of a hot key therefore takes the lock shared, and signing threads do not
/// wait for each other.
const PROMOTION_AGE: u64 = 256;

/// Generated keys and derived key pairs, shared by all threads. Nothing is computed under the lock.
pub(super) struct KeyTable(RwLock<Tables>);

/// What is known of a handle.
#[derive(Debug)]
pub(super) enum Found {
    /// The key pair is at hand.
    Ready(Arc<KeyPair>),
    /// Nothing is known; the key pair may be derived.
    Absent,
    /// The key was retired.
    Retired,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Generated,
    Retired,
}

struct Tables {
    standings: HashMap<HandleId, Standing>,
    derived: LruCache<HandleId, Derived>,
    arrivals: u64,
}

struct Derived {
    key_pair: Arc<KeyPair>,
    promoted_at: u64,
}

impl Default for KeyTable {
    fn default() -> Self {
        Self(RwLock::new(Tables {
            standings: HashMap::new(),
            derived: LruCache::new(CAPACITY),
            arrivals: 0,
        }))
    }
}

impl KeyTable {
    /// Looks up a handle.
    pub(super) fn find(&self, handle: &HandleId) -> Found {
        let (key_pair, is_sinking) = {
            let tables = self.0.read();
            if tables.is_retired(handle) {
                return Found::Retired;
            }
            let Some(derived) = tables.derived.peek(handle) else {
                return Found::Absent;
            };
            let age = tables.arrivals.saturating_sub(derived.promoted_at);
            (Arc::clone(&derived.key_pair), age > PROMOTION_AGE)
        };
        if is_sinking {
            self.0.write().promote(handle);
        }
        Found::Ready(key_pair)
    }

    /// Keeps a derived key pair for later, unless the key was retired meanwhile.
    pub(super) fn keep(&self, handle: &HandleId, key_pair: &Arc<KeyPair>) {
        let evicted = {
            let mut tables = self.0.write();
            if tables.is_retired(handle) {
                return;
            }
            tables.arrivals += 1;
            let derived = Derived {
                key_pair: Arc::clone(key_pair),
                promoted_at: tables.arrivals,
            };
            tables.derived.push(handle.clone(), derived)
        };
        // Wiping a key pair takes as long as making one, so it waits until the lock is free.
        drop(evicted);
    }

    /// Notes that the key was generated; `false` when it was retired.
    pub(super) fn admit(&self, handle: &HandleId) -> bool {
        let mut tables = self.0.write();
        let standing = tables
            .standings
            .entry(handle.clone())
            .or_insert(Standing::Generated);
        *standing == Standing::Generated
    }

    /// Retires a generated key and forgets its key pair; `false` when it was never generated.
    pub(super) fn retire(&self, handle: &HandleId) -> bool {
        let forgotten = {
            let mut tables = self.0.write();
            let Some(standing) = tables.standings.get_mut(handle) else {
                return false;
            };
            *standing = Standing::Retired;
            tables.derived.pop(handle)
        };
        drop(forgotten);
        true
    }

    /// Whether the key was generated here, retired or not.
    pub(super) fn has_generated(&self, handle: &HandleId) -> bool {
        self.0.read().standings.contains_key(handle)
    }
}

impl Tables {
    fn is_retired(&self, handle: &HandleId) -> bool {
        self.standings.get(handle) == Some(&Standing::Retired)
    }

    fn promote(&mut self, handle: &HandleId) {
        if let Some(derived) = self.derived.get_mut(handle) {
            derived.promoted_at = self.arrivals;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(number: usize) -> HandleId {
        HandleId::parse(&format!("software:platform|k{number}")).unwrap()
    }

    fn is_ready(table: &KeyTable, number: usize) -> bool {
        matches!(table.find(&handle(number)), Found::Ready(_))
    }

    #[test]
    fn keeps_the_latest_key_pairs_up_to_its_capacity() {
        let (table, pair) = (
            KeyTable::default(),
            Arc::new(KeyPair::from_seed(&[7; 32]).unwrap()),
        );
        for number in 0..=CAPACITY.get() {
            table.keep(&handle(number), &pair);
        }
        assert!(!is_ready(&table, 0));
        assert!((1..=CAPACITY.get()).all(|number| is_ready(&table, number)));
        assert_eq!(Arc::strong_count(&pair), 1 + CAPACITY.get());
    }

    #[test]
    fn a_key_pair_in_use_is_never_evicted() {
        let (table, pair) = (
            KeyTable::default(),
            Arc::new(KeyPair::from_seed(&[7; 32]).unwrap()),
        );
        table.keep(&handle(0), &pair);
        for number in 1..5 * CAPACITY.get() {
            table.keep(&handle(number), &pair);
            assert!(is_ready(&table, 0), "after {number} others");
        }
    }

    #[test]
    fn a_retired_key_is_forgotten_and_stays_away() {
        let (table, pair) = (
            KeyTable::default(),
            Arc::new(KeyPair::from_seed(&[7; 32]).unwrap()),
        );
        assert!(!table.retire(&handle(1)));
        assert!(table.admit(&handle(1)));
        table.keep(&handle(1), &pair);
        assert!(table.retire(&handle(1)));
        table.keep(&handle(1), &pair);
        assert_eq!(Arc::strong_count(&pair), 1);
        assert!(matches!(table.find(&handle(1)), Found::Retired));
        assert!(!table.admit(&handle(1)));
        assert!(table.retire(&handle(1)) && table.has_generated(&handle(1)));
    }
}
