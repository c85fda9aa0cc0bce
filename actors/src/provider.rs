//! One actor for each provider: it makes keys, checks its provider, and has confirmed what was retired.

mod finishing;
mod generation;
mod giving_way;
mod left;
mod making;
mod recognition;
mod repair;
mod rotation;
mod sweep;
mod telling;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use parking_lot::RwLock;
use signer_domain::ports::{CustodyError, GeneratedOrStanding, OpenedOrStanding};
use signer_domain::{Deadline, ErrorChain, KeyId, ProviderName, Scope, Timestamp};

pub(crate) use recognition::mistake;
pub(crate) use repair::repair;
pub(crate) use telling::{FinishRetirements, TellRetired};

use self::telling::Telling;
use crate::flights::{GenerateOutcome, OpenOutcome};
use crate::guarded::GuardedProvider;
use crate::shared::Shared;

/// How long a periodic check of a provider may take.
const CHECK_DEADLINE: Duration = Duration::from_secs(5);

/// What the calls of one provider share.
#[derive(Clone)]
pub(crate) struct ProviderContext {
    pub(crate) provider: Arc<GuardedProvider>,
    pub(crate) shared: Arc<Shared>,
    /// When the provider was built, before anything was settled.
    pub(crate) opened_at: Timestamp,
    /// How often the provider had been given up by then.
    pub(crate) times_buried: u64,
}

impl ProviderContext {
    pub(crate) fn name(&self) -> ProviderName {
        self.provider.capabilities().name
    }
}

/// The addresses of the providers' actors.
#[derive(Debug, Default)]
pub(crate) struct ProviderAddresses(RwLock<HashMap<ProviderName, Addr<ProviderActor>>>);

impl ProviderAddresses {
    /// The address of a provider that is up.
    pub(crate) fn of(&self, name: ProviderName) -> Option<Addr<ProviderActor>> {
        self.0.read().get(&name).cloned()
    }

    /// Makes a provider's actor reachable.
    pub(crate) fn admit(&self, name: ProviderName, addr: Addr<ProviderActor>) {
        self.0.write().insert(name, addr);
    }

    /// Forgets the address of a provider's actor that has died.
    pub(crate) fn bury(&self, name: ProviderName) {
        self.0.write().remove(&name);
    }
}

/// Owns one provider. It dies with its value: the supervisor then builds both anew.
pub struct ProviderActor {
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
        let providers = &context.shared.providers;
        providers.note_warnings(context.name(), warnings);
    }

    /// Asks the provider to prove that it works. The check runs as part of this actor, so that a
    /// panic in it ends the actor: a provider that cannot even be checked is rebuilt.
    fn check(&mut self, ctx: &mut Context<Self>) {
        let context = self.context.clone();
        let check = async move {
            let deadline = Deadline::after(CHECK_DEADLINE);
            let checked = context.provider.check(deadline).await;
            match &checked {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::warn!(provider = %context.name(), cause = %ErrorChain::of(error), "check failed");
                }
                None => {
                    tracing::warn!(provider = %context.name(), "check did not end in time");
                }
            }
            checked
        };
        ctx.spawn(check.into_actor(self).map(|checked, actor, _| {
            let context = &actor.context;
            let providers = &context.shared.providers;
            match checked {
                Some(Ok(())) => {
                    providers.note_ready(context.name());
                }
                Some(Err(error)) => providers.note_ailment(context.name(), &error),
                None => providers.note_silence(context.name(), "it does not answer a check"),
            }
            actor.note_warnings();
            context.shared.keys.let_go();
        }));
    }
}

impl fmt::Debug for ProviderActor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.context.name();
        f.debug_struct("ProviderActor")
            .field("name", &name)
            .finish_non_exhaustive()
    }
}

impl Actor for ProviderActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(
            self.context
                .shared
                .settings
                .max_in_flight
                .saturating_add(16),
        );
        ctx.run_interval(self.context.shared.settings.check_interval, Self::check);
        self.note_warnings();
        self.begin_telling(ctx);
        self.sweep(self.context.opened_at, ctx);
    }
}

/// Asks for a key to be made.
#[derive(Debug, Message)]
#[rtype(result = "Result<GeneratedOrStanding, CustodyError>")]
pub struct Generate {
    /// What the key shall sign for.
    pub scope: Scope,
    /// The operator's name of the key.
    pub key_id: KeyId,
    /// When the answer is of no use any more.
    pub deadline: Deadline,
}

impl Handler<Generate> for ProviderActor {
    type Result = ResponseFuture<GenerateOutcome>;

    fn handle(&mut self, request: Generate, _: &mut Self::Context) -> Self::Result {
        Box::pin(generation::join(self.context.clone(), request))
    }
}

/// How a request came to its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The caller named it.
    Named,
    /// It is the first one configured.
    First,
}

/// Asks for a rotation to be opened whose new key this provider shall hold.
#[derive(Debug, Message)]
#[rtype(result = "Result<OpenedOrStanding, CustodyError>")]
pub struct Rotate {
    /// The scope whose current key is replaced.
    pub scope: Scope,
    /// The operator's name of the new key.
    pub new_key_id: KeyId,
    /// Whether the caller named this provider.
    pub choice: Choice,
    /// When the answer is of no use any more.
    pub deadline: Deadline,
}

impl Handler<Rotate> for ProviderActor {
    type Result = ResponseFuture<OpenOutcome>;

    fn handle(&mut self, request: Rotate, _: &mut Self::Context) -> Self::Result {
        Box::pin(rotation::join(self.context.clone(), request))
    }
}
