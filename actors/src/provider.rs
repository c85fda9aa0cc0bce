//! One actor for each provider: it owns the provider and opens the actors of its keys.

mod finishing;
mod generation;
mod giving_way;
mod making;
mod opening;
mod recognition;
mod repair;
mod rotation;
mod sweep;
mod telling;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use signer_domain::ports::{CustodyError, KeyProvider};
use signer_domain::{Deadline, ErrorChain, HandleId, KeyId, ProviderName, Scope, Timestamp};

pub(crate) use recognition::mistake;
pub(crate) use repair::repair;
pub(crate) use telling::{FinishRetirements, TellRetired};

use self::telling::Telling;
use crate::metrics::Metrics;
use crate::own_acts::OwnActs;
use crate::ports::DrivenPorts;
use crate::routes::{GenerateOutcome, OpenOutcome, Routes};
use crate::settings::CustodySettings;

/// How long a periodic check of a provider may take.
const CHECK_DEADLINE: Duration = Duration::from_secs(5);

/// What the actors of one provider share.
#[derive(Debug, Clone)]
pub(crate) struct ProviderContext {
    pub(crate) provider: Arc<dyn KeyProvider>,
    pub(crate) ports: DrivenPorts,
    pub(crate) own_acts: OwnActs,
    pub(crate) routes: Arc<Routes>,
    pub(crate) settings: Arc<CustodySettings>,
    pub(crate) metrics: Metrics,
    /// When the provider was built, before anything was settled.
    pub(crate) opened_at: Timestamp,
}

impl ProviderContext {
    pub(crate) fn name(&self) -> ProviderName {
        self.provider.capabilities().name
    }

    /// How many requests for one key of this provider may be under way at once.
    pub(crate) fn queue_of_a_key(&self) -> usize {
        let part = self
            .routes
            .providers
            .work(self.name())
            .map_or(1, |room| room.seats());
        self.settings.queue_of_a_key(part)
    }
}

/// Owns one provider. It dies with its value: the supervisor then builds both anew.
#[derive(Debug)]
pub(crate) struct ProviderActor {
    context: ProviderContext,
    telling: Telling,
}

impl ProviderActor {
    pub(crate) fn new(context: ProviderContext) -> Self {
        let telling = Telling::new();
        Self { context, telling }
    }

    fn note_warnings(&self) {
        let context = &self.context;
        let warnings = context.provider.warnings();
        let providers = &context.routes.providers;
        providers.note_warnings(context.name(), warnings);
    }

    /// Asks the provider to prove that it works. The check runs as part of this actor, so that a
    /// panic in it ends the actor: a provider that cannot even be checked is rebuilt.
    fn check(&mut self, ctx: &mut Context<Self>) {
        let context = self.context.clone();
        let check = async move {
            let deadline = Deadline::after(CHECK_DEADLINE);
            let answer = context.provider.check(deadline);
            let checked = match tokio::time::timeout(deadline.remaining(), answer).await {
                Ok(checked) => {
                    if let Err(error) = &checked {
                        tracing::warn!(provider = %context.name(), cause = %ErrorChain::of(error), "check failed");
                    }
                    checked
                }
                Err(_elapsed) => {
                    tracing::warn!(provider = %context.name(), "check did not end in time");
                    return None;
                }
            };
            Some(checked)
        };
        ctx.spawn(check.into_actor(self).map(|checked, actor, _| {
            let context = &actor.context;
            let providers = &context.routes.providers;
            match checked {
                Some(Ok(())) => {
                    providers.note_ready(context.name());
                }
                Some(Err(error)) => providers.note_ailment(context.name(), &error),
                None => providers.note_silence(context.name(), "it does not answer a check"),
            }
            actor.note_warnings();
            context
                .routes
                .keys
                .passivate(context.settings.resident_keys);
        }));
    }
}

impl Actor for ProviderActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.context.settings.max_in_flight.saturating_add(16));
        ctx.run_interval(self.context.settings.check_interval, Self::check);
        self.note_warnings();
        self.begin_telling(ctx);
        self.sweep(self.context.opened_at, ctx);
    }
}

/// Asks for the actor of a key to be opened.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), CustodyError>")]
pub(crate) struct OpenKey {
    pub(crate) handle: HandleId,
}

impl Handler<OpenKey> for ProviderActor {
    type Result = ResponseActFuture<Self, Result<(), CustodyError>>;

    fn handle(&mut self, OpenKey { handle }: OpenKey, _: &mut Self::Context) -> Self::Result {
        // A part of this actor: a key's actor must not be opened over a provider that is dead.
        Box::pin(opening::open(self.context.clone(), handle).into_actor(self))
    }
}

/// Asks for a key to be made.
#[derive(Debug, Message)]
#[rtype(result = "GenerateOutcome")]
pub(crate) struct Generate {
    pub(crate) scope: Scope,
    pub(crate) key_id: KeyId,
    pub(crate) deadline: Deadline,
}

impl Handler<Generate> for ProviderActor {
    type Result = ResponseFuture<GenerateOutcome>;

    fn handle(&mut self, request: Generate, _: &mut Self::Context) -> Self::Result {
        Box::pin(generation::join(self.context.clone(), request))
    }
}

/// How a request came to its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The caller named it.
    Named,
    /// It is the first one configured.
    First,
}

/// Asks for a rotation to be opened whose new key this provider shall hold.
#[derive(Debug, Message)]
#[rtype(result = "OpenOutcome")]
pub(crate) struct Rotate {
    pub(crate) scope: Scope,
    pub(crate) new_key_id: KeyId,
    /// Whether the caller named this provider.
    pub(crate) choice: Choice,
    pub(crate) deadline: Deadline,
}

impl Handler<Rotate> for ProviderActor {
    type Result = ResponseFuture<OpenOutcome>;

    fn handle(&mut self, request: Rotate, _: &mut Self::Context) -> Self::Result {
        Box::pin(rotation::join(self.context.clone(), request))
    }
}

/// Ends the actor by a panic, as a defect of its own would.
#[cfg(feature = "_crash")]
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Crash;

#[cfg(feature = "_crash")]
impl Handler<Crash> for ProviderActor {
    type Result = ();

    #[expect(clippy::panic, reason = "that is the point")]
    fn handle(&mut self, _: Crash, _: &mut Self::Context) {
        panic!("provider actor crashed on demand");
    }
}
