//! What the provider must not forget while its process lives, also when it is built anew.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use lru::LruCache;
use parking_lot::Mutex;

use super::arn::KeyArn;
use super::leftovers::Leftovers;

/// Of how many keys it is known that they were made or retired by this process.
const REMEMBERED_KEYS: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// For how long a key that is not found may be one that AWS does not show everywhere yet.
const YOUTH: Duration = Duration::from_mins(1);

/// Which names may have left a key behind, and which keys are new or retired. Shared by the providers
/// that one process opens one after the other.
#[derive(Clone)]
pub struct AwsKmsMemory(Arc<Contents>);

struct Contents {
    began: Instant,
    /// The names for which a key may have been made without anybody having heard of it, and since when
    /// there can be no such call under way any more.
    doubts: Mutex<HashMap<String, Instant>>,
    keys: Mutex<LruCache<KeyArn, Known>>,
    /// Partition, region and account of the keys.
    home: OnceLock<String>,
    leftovers: Leftovers,
}

/// What is known of a key.
#[derive(Debug, Clone, Copy)]
enum Known {
    MadeAt(Instant),
    Retired,
}

impl AwsKmsMemory {
    /// Of a process that has done nothing yet.
    pub fn new() -> Self {
        let began = Instant::now();
        Self(Arc::new(Contents {
            began,
            doubts: Mutex::default(),
            keys: Mutex::new(LruCache::new(REMEMBERED_KEYS)),
            home: OnceLock::new(),
            leftovers: Leftovers::default(),
        }))
    }

    /// When this process began to use the service.
    pub(super) fn began(&self) -> Instant {
        self.0.began
    }

    /// What searches have found.
    pub(super) fn leftovers(&self) -> &Leftovers {
        &self.0.leftovers
    }

    /// Since when a key of this name may be there that nobody has heard of.
    pub(super) fn doubt(&self, name: &str) -> Option<Instant> {
        self.0.doubts.lock().get(name).copied()
    }

    /// Notes that a call that makes a key may be under way until `until`.
    pub(super) fn begin_doubt(&self, name: &str, until: Instant) {
        self.0.doubts.lock().insert(name.to_owned(), until);
    }

    /// Notes that an earlier process may have left a key behind, unless something later is known.
    pub(super) fn inherit_doubt(&self, name: &str) {
        let mut doubts = self.0.doubts.lock();
        doubts.entry(name.to_owned()).or_insert(self.0.began);
    }

    /// Notes that all is known of this name.
    pub(super) fn end_doubt(&self, name: &str) {
        self.0.doubts.lock().remove(name);
    }

    /// Notes that a key was made a moment ago.
    pub(super) fn made(&self, key: &KeyArn) {
        let now = Known::MadeAt(Instant::now());
        self.0.keys.lock().push(key.clone(), now);
    }

    /// Notes that a key is retired.
    pub(super) fn retired(&self, key: &KeyArn) {
        self.0.keys.lock().push(key.clone(), Known::Retired);
    }

    /// Whether a key is young enough not to be shown everywhere yet.
    pub(super) fn is_young(&self, key: &KeyArn) -> bool {
        match self.0.keys.lock().peek(key) {
            Some(Known::MadeAt(made)) => made.elapsed() < YOUTH,
            Some(Known::Retired) | None => false,
        }
    }

    /// Whether this process has made the key.
    pub(super) fn has_made(&self, key: &KeyArn) -> bool {
        matches!(self.0.keys.lock().peek(key), Some(Known::MadeAt(_)))
    }

    /// Whether this process has retired the key, which AWS may not obey everywhere yet.
    pub(super) fn is_retired(&self, key: &KeyArn) -> bool {
        matches!(self.0.keys.lock().peek(key), Some(Known::Retired))
    }

    /// Where the keys are, once a key was seen. The first one decides.
    pub(super) fn home(&self, seen: Option<&KeyArn>) -> Option<&str> {
        match seen {
            Some(key) => Some(self.0.home.get_or_init(|| key.home().to_owned())),
            None => self.0.home.get().map(String::as_str),
        }
    }
}

impl Default for AwsKmsMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for AwsKmsMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKmsMemory").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> KeyArn {
        KeyArn::parse(&format!("arn:aws:kms:eu-central-1:123456789012:key/{id}")).unwrap()
    }

    #[test]
    fn a_doubt_lasts_until_it_is_ended() {
        let memory = AwsKmsMemory::new();
        assert_eq!(memory.doubt("n"), None);
        memory.inherit_doubt("n");
        assert_eq!(memory.doubt("n"), Some(memory.began()));
        let later = Instant::now() + Duration::from_secs(1);
        memory.begin_doubt("n", later);
        memory.inherit_doubt("n");
        assert_eq!(memory.doubt("n"), Some(later));
        memory.end_doubt("n");
        assert_eq!(memory.doubt("n"), None);
    }

    #[test]
    fn a_key_is_young_until_it_is_retired() {
        let memory = AwsKmsMemory::new();
        assert!(!memory.is_young(&key("a")));
        memory.made(&key("a"));
        assert!(memory.is_young(&key("a")) && !memory.is_retired(&key("a")));
        memory.retired(&key("a"));
        assert!(!memory.is_young(&key("a")) && memory.is_retired(&key("a")));
    }

    #[test]
    fn the_first_key_that_is_seen_tells_where_all_are() {
        let memory = AwsKmsMemory::new();
        assert_eq!(memory.home(None), None);
        let home = "arn:aws:kms:eu-central-1:123456789012";
        assert_eq!(memory.home(Some(&key("a"))), Some(home));
        let other = KeyArn::parse("arn:aws:kms:eu-central-1:999999999999:key/a").unwrap();
        assert_eq!(memory.home(Some(&other)), Some(home));
    }
}
