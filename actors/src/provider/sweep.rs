//! How missing keys, and retired ones that are still usable, are noticed: the provider is asked for its
//! keys, one after the other.

use std::num::NonZeroU32;
use std::time::Duration;

use actix::prelude::*;
use signer_domain::ports::{KeyPage, KeyProviderError, KeyQuery, Presence};
use signer_domain::{Deadline, ErrorChain, KeyMark, KeyState, SigningKey, Timestamp, clock};

use super::telling::{RETIRE_DEADLINE, is_unusable};
use super::{ProviderActor, ProviderContext};
use crate::guarded::CallError;
use crate::key::doubt;

/// Keys that are read from the registry at once.
const PAGE: NonZeroU32 = NonZeroU32::new(100).unwrap();
/// The wait between two keys: at most fifty of them a second.
const PACE: Duration = Duration::from_millis(20);
/// The wait between two keys while the provider has other work to do.
const PACE_UNDER_LOAD: Duration = Duration::from_millis(200);
/// After so many failures in a row the provider is in trouble, and not a key.
const FAILURES: usize = 3;
/// How long the provider may take to show one key.
pub(super) const SHOW_DEADLINE: Duration = Duration::from_secs(2);

impl ProviderActor {
    /// Asks the provider for its keys, and again after a while. What was retired at `since` or later,
    /// its retirement has just proven.
    pub(super) fn sweep(&mut self, since: Timestamp, ctx: &mut Context<Self>) {
        let now = clock::now();
        let context = self.context.clone();
        let sweep = async move {
            for state in [KeyState::Active, KeyState::Rotating] {
                sweep(&context, state, since).await;
            }
            sweep(&context, KeyState::Retired, since).await
        };
        ctx.spawn(sweep.into_actor(self).map(move |doubtful, actor, ctx| {
            if doubtful > 0 {
                actor.tell(ctx);
            }
            let interval = actor.context.shared.settings.sweep_interval;
            ctx.run_later(interval, move |actor, ctx| actor.sweep(now, ctx));
        }));
    }
}

/// Looks at each key in this state. One page of the registry is in memory at a time.
///
/// Of a key that may sign it is noted whether the provider shows it. That the private half alone was
/// destroyed is noticed by the first signature and not here. What is asked for is the public half,
/// which may outlive the other; and to have each key sign, or to look for it in a second way, would
/// cost a call for each key at a cloud service.
///
/// A retired key is retired once more, which costs a look where it is unusable. One whose provider does
/// not confirm that is marked, and asked for again until it does. A provider that fails several times
/// in a row says nothing about single keys, so the rest has to wait. Gives the number of those marked.
async fn sweep(context: &ProviderContext, state: KeyState, since: Timestamp) -> usize {
    let mut query = KeyQuery {
        scope: None,
        state: Some(state),
        limit: PAGE,
        after: None,
    };
    let (mut failures, mut doubtful) = (0, 0);
    loop {
        let KeyPage { keys, next } = match context.shared.ports.registry.list(&query).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(cause = %ErrorChain::of(&error), "keys cannot be listed to look for missing ones");
                return doubtful;
            }
        };
        for key in keys {
            let is_proven = key.marks.unconfirmed || key.valid_until.is_some_and(|at| at >= since);
            if key.provider() != context.name() || state == KeyState::Retired && is_proven {
                continue;
            }
            match state {
                KeyState::Active | KeyState::Rotating => look_for(context, &key).await,
                KeyState::Retired if prove_retired(context, &key).await => failures = 0,
                KeyState::Retired => {
                    failures += 1;
                    doubtful += 1;
                }
            }
            if failures >= FAILURES {
                return doubtful;
            }
            tokio::time::sleep(pace(context)).await;
        }
        match next {
            Some(after) => query.after = Some(after),
            None => return doubtful,
        }
    }
}

/// Makes sure that the provider cannot use a retired key any more; whether it is certain. Where it is
/// not, the key is marked, and the provider is asked again until it confirms.
async fn prove_retired(context: &ProviderContext, key: &SigningKey) -> bool {
    if is_unusable(context, key, Deadline::after(RETIRE_DEADLINE)).await {
        return true;
    }
    tracing::error!(key_id = %key.key_id, handle = %key.handle_id, "a retired key may still be usable at its provider");
    let registry = &context.shared.ports.registry;
    if let Err(error) = registry.mark(&key.handle_id, KeyMark::Unconfirmed).await {
        tracing::warn!(key_id = %key.key_id, cause = %ErrorChain::of(&error), "retired key is not marked");
    }
    false
}

fn pace(context: &ProviderContext) -> Duration {
    if context.shared.providers.is_at_leisure(context.name()) {
        PACE
    } else {
        PACE_UNDER_LOAD
    }
}

async fn look_for(context: &ProviderContext, key: &SigningKey) {
    let deadline = Deadline::after(SHOW_DEADLINE);
    let missing = &context.shared.missing;
    match doubt::show(&context.provider, key, deadline).await {
        Ok(shown) if shown == key.public_key => missing.note_shown(&key.handle_id),
        // The key that is registered is not there, whatever has taken its place.
        Ok(_another) => missing.note(&key.handle_id, Presence::Swapped),
        Err(CallError::Refused(KeyProviderError::KeyNotFound)) => {
            missing.note(&key.handle_id, Presence::Missing);
        }
        // A provider that cannot be asked says nothing about its keys, and a key that it calls
        // retired may have been retired by us since the registry was read.
        Err(CallError::Refused(_) | CallError::Panicked | CallError::Silent) => {}
    }
}
