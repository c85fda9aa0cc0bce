//! The registry, as far as the audit log speaks of it.

use std::fmt;
use std::sync::Arc;

/// The registry that the log is kept for, as its checkpoints tell it.
#[derive(Clone)]
pub struct RegistryMark {
    id: String,
    last_change: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl RegistryMark {
    /// The registry with this id, whose last durable change is told by `last_change`.
    pub fn new(id: String, last_change: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            id,
            last_change: Arc::new(last_change),
        }
    }

    /// How the registry stands now.
    pub fn state(&self) -> RegistryState {
        RegistryState {
            id: self.id.clone(),
            last_change: (self.last_change)(),
        }
    }
}

impl fmt::Debug for RegistryMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state().fmt(f)
    }
}

/// How a registry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryState {
    /// Its id.
    pub id: String,
    /// The number of its last change.
    pub last_change: u64,
}
