//! How a provider learns of the retirements that it has not confirmed, until it does.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use actix::prelude::*;
use futures_util::{StreamExt as _, stream};
use signer_domain::ports::RetirementStage;
use signer_domain::{Deadline, ErrorChain, HandleId, SigningKey};

use super::left::{AT_ONCE, Left, of_key};
use super::{ProviderActor, ProviderContext, finishing};
use crate::backoff::Backoff;
use crate::guarded::CallError;
use crate::settings::RestartPolicy;

/// How long a provider may take to retire one key.
pub(super) const RETIRE_DEADLINE: Duration = Duration::from_secs(10);
/// How often the registry is asked for what may have been overlooked.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);
/// Waits double from a fifth of a second to a minute.
const RETRIES: RestartPolicy = RestartPolicy {
    first: Duration::from_millis(200),
    cap: Duration::from_mins(1),
    budget: 16,
    window: Duration::from_hours(1),
};

/// Where the provider's actor stands with telling its provider what was retired.
#[derive(Debug)]
pub(super) struct Telling {
    is_under_way: bool,
    /// Whether something was retired since the pass under way began.
    is_due_again: bool,
    retry: Option<SpawnHandle>,
    waits: Backoff,
    /// What was retired a moment ago and has not been tried yet.
    just_retired: HashSet<HandleId>,
}

impl Telling {
    pub(super) fn new() -> Self {
        Self {
            is_under_way: false,
            is_due_again: false,
            retry: None,
            waits: Backoff::new(RETRIES),
            just_retired: HashSet::new(),
        }
    }
}

impl ProviderActor {
    /// Sees to it that the provider is told of what was retired before this start, and looks again
    /// now and then.
    pub(super) fn begin_telling(&mut self, ctx: &mut Context<Self>) {
        self.tell(ctx);
        ctx.run_interval(LOOK_INTERVAL, Self::tell);
    }

    /// Tells the provider of every retirement that it has not confirmed, as long as that takes.
    pub(super) fn tell(&mut self, ctx: &mut Context<Self>) {
        if self.telling.is_under_way {
            self.telling.is_due_again = true;
            return;
        }
        self.telling.is_under_way = true;
        if let Some(retry) = self.telling.retry.take() {
            ctx.cancel_future(retry);
        }
        let just_retired = std::mem::take(&mut self.telling.just_retired);
        let pass = tell_all(self.context.clone(), just_retired);
        ctx.spawn(
            pass.into_actor(self)
                .map(|left, actor, ctx| actor.plan_next(left, ctx)),
        );
    }

    fn plan_next(&mut self, left: Left, ctx: &mut Context<Self>) {
        self.telling.is_under_way = false;
        if std::mem::take(&mut self.telling.is_due_again) {
            self.tell(ctx);
            return;
        }
        match left {
            Left::Nothing => self.telling.waits = Backoff::new(RETRIES),
            Left::Something => {
                let wait = self.telling.waits.next_wait();
                self.telling.retry = Some(ctx.run_later(wait, Self::tell));
            }
        }
    }
}

/// Says that a key of this provider was retired by the end of a rotation.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct TellRetired {
    pub(crate) handle: HandleId,
}

impl Handler<TellRetired> for ProviderActor {
    type Result = ();

    fn handle(&mut self, TellRetired { handle }: TellRetired, ctx: &mut Self::Context) {
        self.telling.just_retired.insert(handle);
        self.tell(ctx);
    }
}

/// Asks for the retirements to be finished that the provider has not confirmed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct FinishRetirements;

impl Handler<FinishRetirements> for ProviderActor {
    type Result = ();

    fn handle(&mut self, _: FinishRetirements, ctx: &mut Self::Context) {
        self.tell(ctx);
    }
}

async fn tell_all(context: ProviderContext, just_retired: HashSet<HandleId>) -> Left {
    let (begun, retired) = tokio::join!(
        finishing::finish(&context),
        tell_of_retired(&context, just_retired)
    );
    match (begun, retired) {
        (Ok(Left::Nothing), Left::Nothing) => Left::Nothing,
        (Ok(Left::Nothing | Left::Something) | Err(_), _) => Left::Something,
    }
}

async fn tell_of_retired(context: &ProviderContext, just_retired: HashSet<HandleId>) -> Left {
    let unconfirmed = match context
        .shared
        .ports
        .registry
        .unsettled_retirements(RetirementStage::Unconfirmed)
        .await
    {
        Ok(unconfirmed) => unconfirmed,
        Err(error) => {
            tracing::warn!(cause = %ErrorChain::of(&error), "unconfirmed retirements cannot be read");
            return Left::Something;
        }
    };
    let mine = unconfirmed
        .into_iter()
        .filter(|key| key.provider() == context.name());
    let tell = |key: SigningKey| {
        let is_late = !just_retired.contains(&key.handle_id);
        tell_one(context, key, is_late)
    };
    let told = stream::iter(mine).map(tell).buffer_unordered(AT_ONCE);
    let is_left = told
        .any(|left| std::future::ready(left == Left::Something))
        .await;
    if is_left {
        Left::Something
    } else {
        Left::Nothing
    }
}

async fn tell_one(context: &ProviderContext, key: SigningKey, is_late: bool) -> Left {
    let began = Instant::now();
    if !is_unusable(context, &key, Deadline::after(RETIRE_DEADLINE)).await {
        return Left::Something;
    }
    let registry = context.shared.ports.registry.as_ref();
    if let Err(error) = registry.confirm_retirement(&key.handle_id).await {
        tracing::warn!(key_id = %key.key_id, cause = %ErrorChain::of(&error), "retirement is not confirmed yet");
        return Left::Something;
    }
    tracing::info!(key_id = %key.key_id, scope = %key.scope, "provider has retired the key");
    if is_late {
        context.shared.metrics.repairs.inc();
        context.shared.own_acts.repaired(of_key(key), began);
    }
    Left::Nothing
}

/// Has the provider make a key unusable, and says whether it is so now.
pub(super) async fn is_unusable(
    context: &ProviderContext,
    key: &SigningKey,
    deadline: Deadline,
) -> bool {
    match context.provider.retire(&key.handle_id, deadline).await {
        Ok(()) => true,
        Err(CallError::Refused(error)) => {
            tracing::warn!(key_id = %key.key_id, cause = %ErrorChain::of(&error), "provider did not retire a key");
            false
        }
        Err(CallError::Panicked) => false,
        Err(CallError::Silent) => {
            tracing::warn!(key_id = %key.key_id, "provider was silent while retiring a key");
            false
        }
    }
}
