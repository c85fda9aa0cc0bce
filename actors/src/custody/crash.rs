//! Deaths on demand, for the tests of recovery. Never in a shipped binary.

use std::time::Duration;

use signer_domain::{Deadline, HandleId, ProviderName};

use super::ActorCustody;
use crate::routes::Line;
use crate::{key, provider};

impl ActorCustody {
    /// Kills the actor of a key by a panic. Returns whether there was one.
    pub async fn crash_key(&self, handle: &HandleId) -> bool {
        let soon = Deadline::after(Duration::from_secs(1));
        match self.routes.way_to(handle, Line::Control, soon).await {
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
