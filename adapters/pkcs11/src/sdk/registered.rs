//! What the registry says of public keys: which pair is meant where the token does not tell.
//!
//! Labels are not unique, and the public half of a pair may be lost. The registry keeps the public key
//! of each name, which never changes, so it is asked once for each.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use lru::LruCache;
use parking_lot::Mutex;

use signer_domain::{Deadline, HandleId, PublicKey};

/// How many are remembered; the one used longest ago is forgotten first.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// How long an answer is waited for. A pair that is alone under its name needs none.
const PATIENCE: Duration = Duration::from_secs(1);

/// Knows the registered public keys.
#[async_trait]
pub trait RegisteredKeys: Send + Sync + fmt::Debug {
    /// The public key that is registered for a handle, of a retired key too; `None` when there is none, or
    /// when the registry cannot be asked.
    async fn public_key_of(&self, handle: &HandleId) -> Option<PublicKey>;
}

/// The registered public keys, as far as somebody asked for them.
#[derive(Debug)]
pub(super) struct Registered {
    source: OnceLock<Arc<dyn RegisteredKeys>>,
    known: Mutex<LruCache<HandleId, PublicKey>>,
}

impl Registered {
    pub(super) fn new() -> Self {
        Self {
            source: OnceLock::new(),
            known: Mutex::new(LruCache::new(CAPACITY)),
        }
    }

    /// Names who knows the keys. The first one stays.
    pub(super) fn ask(&self, source: Arc<dyn RegisteredKeys>) {
        let _former = self.source.set(source);
    }

    /// The public key of a handle, as far as it is known by the deadline.
    pub(super) async fn public_key_of(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Option<PublicKey> {
        if let Some(known) = self.known.lock().get(handle) {
            return Some(*known);
        }
        let patience = deadline.remaining().min(PATIENCE);
        let asked = self.source.get()?.public_key_of(handle);
        let public_key = tokio::time::timeout(patience, asked).await.ok()??;
        self.known.lock().put(handle.clone(), public_key);
        Some(public_key)
    }
}
