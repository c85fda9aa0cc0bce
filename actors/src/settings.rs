//! What the composition root decides about the actors.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use signer_domain::ports::{KeyProvider, KeyProviderError};
use signer_domain::{DeploymentProfile, ProviderName};

/// How the custodian behaves. Plain data.
#[derive(Debug, Clone)]
pub struct CustodySettings {
    /// Which scopes are served.
    pub profile: DeploymentProfile,
    /// Whether each signature is verified before it is released.
    pub verify_after_sign: VerifyAfterSign,
    /// How many requests may be under way at once. Each provider has an equal part of its own, so
    /// that one that hangs leaves the others room.
    pub max_in_flight: usize,
    /// How many requests for one key may be under way at once; never more than half of its
    /// provider's part.
    pub queue_per_key: usize,
    /// How many key actors stay resident; beyond it the least recently used idle ones go.
    pub resident_keys: usize,
    /// How often each provider is asked to prove that it works.
    pub check_interval: Duration,
    /// How long after its opening a rotation is due to be closed.
    pub overlap_window: Duration,
    /// How often each provider is asked for its keys one after the other, so that a missing one is
    /// noticed.
    pub sweep_interval: Duration,
    /// How long a provider may take to be built, checked and repaired. Then its thread is left, and it
    /// starts over on another.
    pub opening_deadline: Duration,
    /// How a provider that failed is brought back.
    pub restart: RestartPolicy,
}

impl CustodySettings {
    /// The settings of a production installation of this profile.
    pub const fn new(profile: DeploymentProfile) -> Self {
        Self {
            profile,
            verify_after_sign: VerifyAfterSign::Always,
            max_in_flight: 1024,
            queue_per_key: 256,
            resident_keys: 10_000,
            check_interval: Duration::from_secs(10),
            overlap_window: Duration::from_hours(24),
            sweep_interval: Duration::from_hours(1),
            opening_deadline: Duration::from_secs(30),
            restart: RestartPolicy::new(),
        }
    }
}

impl CustodySettings {
    /// How many requests for one key may be under way at once, with `part` for its provider.
    pub(crate) fn queue_of_a_key(&self, part: usize) -> usize {
        self.queue_per_key.min(part / 2).max(1)
    }
}

/// Whether each signature is verified under the registered public key before it is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyAfterSign {
    /// Always. A mismatch releases nothing and quarantines the handle.
    Always,
    /// Never. Fit for measurements of the software provider only.
    Never,
}

/// How a provider that failed is brought back: waits grow from `first` to `cap`, and a provider that
/// fails more often than `budget` times within `window` waits `cap` at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartPolicy {
    /// The wait before the first restart.
    pub first: Duration,
    /// The longest wait.
    pub cap: Duration,
    /// How many failures within `window` are met with growing waits.
    pub budget: usize,
    /// The time over which failures are counted.
    pub window: Duration,
}

impl RestartPolicy {
    /// 100 ms, doubling up to 5 s; more than 10 failures in a minute wait 5 s each. The cap keeps a
    /// provider that has healed from being kept away for longer than ten seconds.
    pub const fn new() -> Self {
        Self {
            first: Duration::from_millis(100),
            cap: Duration::from_secs(5),
            budget: 10,
            window: Duration::from_mins(1),
        }
    }
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// Builds one provider. It is called again for each restart, so it must start from nothing.
pub type ProviderFactory = Arc<
    dyn Fn() -> BoxFuture<'static, Result<Arc<dyn KeyProvider>, KeyProviderError>> + Send + Sync,
>;

/// A configured provider: its name and how to build it.
#[derive(Clone)]
pub struct ProviderSpec {
    /// The name that opens the handles of this provider.
    pub name: ProviderName,
    /// Whether it is unfit for production. An operator is told so, also while it does not come up.
    pub is_dev_only: bool,
    /// How to build it.
    pub factory: ProviderFactory,
}

impl fmt::Debug for ProviderSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSpec")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
