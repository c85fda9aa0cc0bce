//! What is known of the keys of a token, so that each is looked for once.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use cryptoki::object::ObjectHandle;
use lru::LruCache;
use parking_lot::Mutex;

use signer_domain::PublicKey;
use signer_domain::ports::SignatureVerifier;

use super::label::Label;

/// How many keys are remembered; the one used longest ago is forgotten first.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// When an object handle was read: after which initialisation of the module and after which login.
/// In another epoch the same number names another object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Epoch {
    pub(super) module: u64,
    pub(super) login: u64,
}

/// A key that was found in the token.
#[derive(Debug, Clone)]
pub(super) enum KnownKey {
    /// It signs.
    Live(LiveKey),
    /// Its private half was destroyed, for good.
    Retired,
}

/// A pair that signs.
#[derive(Debug, Clone)]
pub(super) struct LiveKey {
    pub(super) private: ObjectHandle,
    pub(super) public_key: PublicKey,
    pub(super) verifier: Arc<dyn SignatureVerifier>,
}

/// The keys known in the present epoch.
pub(super) struct KeyCache(Mutex<Known>);

struct Known {
    epoch: Epoch,
    keys: LruCache<Label, KnownKey>,
}

impl KeyCache {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Known {
            epoch: Epoch::default(),
            keys: LruCache::new(CAPACITY),
        }))
    }

    /// Forgets every key: their handles are of an epoch that is over.
    pub(super) fn begin(&self, epoch: Epoch) {
        let mut known = self.0.lock();
        known.keys.clear();
        known.epoch = epoch;
    }

    pub(super) fn find(&self, epoch: Epoch, label: &Label) -> Option<KnownKey> {
        let mut known = self.0.lock();
        if known.epoch == epoch {
            known.keys.get(label).cloned()
        } else {
            None
        }
    }

    /// Remembers a key, unless it was found in an epoch that is over.
    pub(super) fn keep(&self, epoch: Epoch, label: &Label, key: KnownKey) {
        let mut known = self.0.lock();
        if known.epoch == epoch {
            known.keys.put(label.clone(), key);
        }
    }

    pub(super) fn forget(&self, label: &Label) {
        self.0.lock().keys.pop(label);
    }
}

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use signer_domain::{KeyId, Scope};

    use super::*;
    use crate::sdk::label::{LabelPrefix, Labels};

    fn label() -> Label {
        let labels = Labels::new(LabelPrefix::parse("p").unwrap(), 255).unwrap();
        labels.of_key(&Scope::Platform, &KeyId::parse("k1").unwrap())
    }

    #[test]
    fn a_key_of_another_epoch_is_neither_kept_nor_found() {
        let cache = KeyCache::new();
        let (one, other) = (
            Epoch {
                module: 1,
                login: 1,
            },
            Epoch {
                module: 1,
                login: 2,
            },
        );
        cache.begin(one);
        cache.keep(one, &label(), KnownKey::Retired);
        assert!(cache.find(one, &label()).is_some());
        assert!(cache.find(other, &label()).is_none());
        cache.begin(other);
        assert!(cache.find(other, &label()).is_none());
        cache.keep(one, &label(), KnownKey::Retired);
        assert!(cache.find(other, &label()).is_none());
    }
}
