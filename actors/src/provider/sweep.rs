//! How missing keys are noticed: the provider is asked for its keys, one after the other.

use std::num::NonZeroU32;
use std::time::Duration;

use actix::prelude::*;
use signer_domain::ports::{KeyPage, KeyProviderError, KeyQuery, Presence};
use signer_domain::{Deadline, ErrorChain, KeyState, SigningKey};

use super::{ProviderActor, ProviderContext};
use crate::key::doubt;

/// Keys that are read from the registry at once.
const PAGE: NonZeroU32 = NonZeroU32::new(100).unwrap();
/// The wait between two keys: at most fifty of them a second.
const PACE: Duration = Duration::from_millis(20);
/// The wait between two keys while the provider has other work to do.
const PACE_UNDER_LOAD: Duration = Duration::from_millis(200);
/// How long the provider may take to show one key.
pub(super) const SHOW_DEADLINE: Duration = Duration::from_secs(2);

impl ProviderActor {
    /// Asks the provider for its keys, and again after a while.
    pub(super) fn sweep(&mut self, ctx: &mut Context<Self>) {
        let sweep = sweep(self.context.clone());
        ctx.spawn(sweep.into_actor(self).map(|(), actor, ctx| {
            ctx.run_later(actor.context.settings.sweep_interval, Self::sweep);
        }));
    }
}

/// Notes of each key that may sign whether the provider shows it. One page of the registry is in
/// memory at a time.
///
/// That the private half alone was destroyed is noticed by the first signature and not here. What
/// is asked for is the public half, which may outlive the other; and to have each key sign, or to
/// look for it in a second way, would cost a call for each key at a cloud service.
async fn sweep(context: ProviderContext) {
    for state in [KeyState::Active, KeyState::Rotating] {
        let mut query = KeyQuery {
            scope: None,
            state: Some(state),
            limit: PAGE,
            after: None,
        };
        loop {
            let KeyPage { keys, next } = match context.ports.registry.list(&query).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(cause = %ErrorChain::of(&error), "keys cannot be listed to look for missing ones");
                    return;
                }
            };
            for key in keys {
                if key.provider() == context.name() {
                    look_for(&context, &key).await;
                    tokio::time::sleep(pace(&context)).await;
                }
            }
            match next {
                Some(after) => query.after = Some(after),
                None => break,
            }
        }
    }
}

fn pace(context: &ProviderContext) -> Duration {
    let work = context.routes.providers.work(context.name());
    if work.is_none_or(|room| room.is_empty()) {
        PACE
    } else {
        PACE_UNDER_LOAD
    }
}

async fn look_for(context: &ProviderContext, key: &SigningKey) {
    let deadline = Deadline::after(SHOW_DEADLINE);
    let missing = &context.routes.missing;
    match doubt::show(context.provider.as_ref(), key, &context.metrics, deadline).await {
        Ok(Some(shown)) if shown == key.public_key => missing.note_shown(&key.handle_id),
        // The key that is registered is not there, whatever has taken its place.
        Ok(Some(_another)) => missing.note(&key.handle_id, Presence::Swapped),
        Err(KeyProviderError::KeyNotFound) => missing.note(&key.handle_id, Presence::Missing),
        // A provider that cannot be asked says nothing about its keys, and a key that it calls
        // retired may have been retired by us since the registry was read.
        Ok(None)
        | Err(
            KeyProviderError::KeyRetired
            | KeyProviderError::RotationInProgress
            | KeyProviderError::ProviderUnavailable { .. }
            | KeyProviderError::Misconfigured { .. },
        ) => {}
    }
}
