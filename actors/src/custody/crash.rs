//! Deaths on demand, for the tests of recovery. Never in a shipped binary.

use signer_domain::{HandleId, ProviderName};

use super::ActorCustody;
use crate::key::Line;
use crate::{key, provider};

impl ActorCustody {
    /// Kills the actor of a key by a panic. Returns whether there was one.
    pub async fn crash_key(&self, handle: &HandleId) -> bool {
        match self.shared.keys.enter(handle, Line::Control, None) {
            Ok(Some((addr, _seats))) => addr.send(key::Crash).await.is_err(),
            Ok(None) | Err(_) => false,
        }
    }

    /// Kills the actor of a provider by a panic. Returns whether there was one.
    pub async fn crash_provider(&self, name: ProviderName) -> bool {
        match self.addresses.of(name) {
            Some(addr) => addr.send(provider::Crash).await.is_err(),
            None => false,
        }
    }
}
