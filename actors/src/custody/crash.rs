//! Deaths on demand, for the tests of recovery. Never in a shipped binary.

use signer_domain::{HandleId, ProviderName};

use super::ActorCustody;
use crate::{key, provider};

impl ActorCustody {
    /// Kills the actor of a key by a panic. Returns whether there was one.
    pub async fn crash_key(&self, handle: &HandleId) -> bool {
        match self.routes.keys.way_to(handle) {
            Ok(Some(way)) => way.addr.send(key::Crash).await.is_err(),
            Ok(None) | Err(_) => false,
        }
    }

    /// Kills the actor of a provider by a panic. Returns whether there was one.
    pub async fn crash_provider(&self, name: ProviderName) -> bool {
        match self.routes.providers.address(name) {
            Some(addr) => addr.send(provider::Crash).await.is_err(),
            None => false,
        }
    }
}
