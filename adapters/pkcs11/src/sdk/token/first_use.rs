//! Whether a token that holds nothing of ours may be taken into use.
//!
//! An empty token is a new one, or it was erased, or it is another one than before. The token cannot tell
//! which; the registry can. So nobody makes a sentinel before the registry was asked, and nobody makes
//! one in the place of keys that it knows.

use super::Token;
use crate::sdk::error::{Fault, unavailable};

/// What is wrong with an empty token whose keys the registry knows, and the cure.
const ERASED: &str = "the registry knows keys of this token, but the token holds neither them nor the \
                      sentinel: it was erased, or it is another one; put the right one back, or do \
                      without those keys and run pkcs11 accept-token";

/// What the registry knows of keys in the token.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum RegistryKnows {
    /// It has not been asked yet, so an empty token is left as it is.
    #[default]
    NotAsked,
    /// None: an empty token is a new one.
    NoKeys,
    /// Some, in whatever state: an empty token is not the one that held them.
    Keys,
}

#[derive(Default)]
pub(super) struct FirstUse {
    registry: RegistryKnows,
    /// The sentence is an error once; after that it is a cause among others.
    has_told: bool,
}

impl Token {
    /// Notes what the registry knows of keys in the token.
    pub(crate) fn learn(&self, registry: RegistryKnows) {
        self.first_use.lock().registry = registry;
    }

    /// Whether the sentinel has been seen.
    pub(crate) fn is_met(&self) -> bool {
        // Whoever holds the state is still logging in, or is at a call that hangs.
        let state = self.state.try_lock();
        state.is_some_and(|state| state.sentinel.is_some())
    }

    /// Demands that a token which certainly holds nothing of ours is a new one.
    ///
    /// # Errors
    /// When the registry knows keys of it, or was not asked yet.
    pub(crate) fn require_first_use(&self) -> Result<(), Fault> {
        let mut first_use = self.first_use.lock();
        match first_use.registry {
            RegistryKnows::NoKeys => Ok(()),
            RegistryKnows::NotAsked => Err(Fault::Answer(unavailable(
                "waiting for what the registry knows of the token",
                false,
            ))),
            RegistryKnows::Keys => {
                if !std::mem::replace(&mut first_use.has_told, true) {
                    tracing::error!("{ERASED}");
                }
                // A store that is away looks the same, and comes back when the module starts anew.
                Err(Fault::Doubtful {
                    context: "looking for the sentinel",
                    source: Some(ERASED.into()),
                })
            }
        }
    }
}
