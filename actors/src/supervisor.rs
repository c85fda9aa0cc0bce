//! The actor that owns the provider actors and brings them back.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use actix_rt::{Arbiter, ArbiterHandle};
use signer_domain::ports::{CustodyError, KeyProviderError, Liveness, ProviderCapabilities};
use signer_domain::{Deadline, ProviderName, clock};

use tokio::sync::oneshot;

use crate::backoff::Backoff;
use crate::errors::{RETRY_SOON, from_provider, provider_down};
use crate::guarded::GuardedProvider;
use crate::metrics::Metrics;
use crate::provider::{ProviderActor, ProviderAddresses, ProviderContext, mistake, repair};
use crate::settings::ProviderSpec;
use crate::shared::Shared;

/// How often the supervisor looks whether its provider actors live, besides being told.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// How often the supervisor looks for what an operator should know, besides being told.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// How long a provider may take to prove at start that it works.
const FIRST_CHECK_DEADLINE: Duration = Duration::from_secs(10);

/// Owns one provider actor for each configured provider. It holds their factories, not their values:
/// a mailbox that has closed is a death, and the provider is built anew.
pub(crate) struct SupervisorActor {
    children: HashMap<ProviderName, Child>,
    addresses: Arc<ProviderAddresses>,
    shared: Arc<Shared>,
}

struct Child {
    spec: ProviderSpec,
    /// The provider's own thread, so that one provider that blocks delays no other.
    arbiter: Option<Arbiter>,
    backoff: Backoff,
    phase: Phase,
    capabilities: Option<ProviderCapabilities>,
}

impl Child {
    /// The thread of the provider, started when there is none.
    fn thread(&mut self) -> io::Result<ArbiterHandle> {
        let arbiter = match self.arbiter.take() {
            Some(arbiter) => arbiter,
            None => Arbiter::try_new()?,
        };
        Ok(self.arbiter.insert(arbiter).handle())
    }
}

enum Phase {
    Opening,
    Up(Addr<ProviderActor>),
    Waiting,
}

impl SupervisorActor {
    pub(crate) fn new(
        specs: Vec<ProviderSpec>,
        addresses: Arc<ProviderAddresses>,
        shared: Arc<Shared>,
    ) -> Self {
        let policy = shared.settings.restart;
        let child = |spec: ProviderSpec| Child {
            spec,
            arbiter: None,
            backoff: Backoff::new(policy),
            phase: Phase::Waiting,
            capabilities: None,
        };
        let children = specs
            .into_iter()
            .map(|spec| (spec.name, child(spec)))
            .collect();
        Self {
            children,
            addresses,
            shared,
        }
    }

    fn open(&mut self, name: ProviderName, ctx: &mut Context<Self>) {
        let Some(child) = self.children.get_mut(&name) else {
            return;
        };
        child.phase = Phase::Opening;
        let arbiter = match child.thread() {
            Ok(arbiter) => arbiter,
            Err(cause) => {
                tracing::warn!(provider = %name, %cause, "no thread for the provider can be started");
                return self.retry(name, "start", ctx);
            }
        };
        let (reply, opened) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let opening = open_provider(child.spec.clone(), shared, arbiter.clone());
        // On the provider's own thread: a factory that blocks must not keep the supervisor from
        // answering, and a panic in it is a failed start.
        let is_started = arbiter.spawn(async move {
            // A supervisor that is gone needs no answer.
            drop(reply.send(opening.await));
        });
        if !is_started {
            child.arbiter = None;
        }
        let opened = tokio::time::timeout(self.shared.settings.opening_deadline, opened);
        ctx.spawn(
            opened
                .into_actor(self)
                .map(move |opened, actor, ctx| match opened {
                    Ok(Ok(Ok(opened))) => actor.admit(name, opened),
                    Ok(Ok(Err(failure))) => actor.give_up(name, failure, ctx),
                    Ok(Err(_panicked)) => actor.retry(name, "panic", ctx),
                    Err(_elapsed) => actor.abandon(name, ctx),
                }),
        );
    }

    /// Leaves a thread behind on which a provider hangs, and starts over on another.
    fn abandon(&mut self, name: ProviderName, ctx: &mut Context<Self>) {
        if let Some(child) = self.children.get_mut(&name) {
            child.arbiter = None;
        }
        self.retry(name, "hang", ctx);
        let providers = &self.shared.providers;
        providers.note_silence(name, "it does not come up in time");
    }

    fn admit(&mut self, name: ProviderName, opened: Opened) {
        let Some(child) = self.children.get_mut(&name) else {
            return;
        };
        child.capabilities = Some(opened.capabilities);
        child.phase = Phase::Up(opened.addr.clone());
        self.addresses.admit(name, opened.addr);
        self.shared.providers.note_ready(name);
        tracing::info!(provider = %name, "provider ready");
    }

    fn retry(&mut self, name: ProviderName, cause: &'static str, ctx: &mut Context<Self>) {
        let Some(child) = self.children.get_mut(&name) else {
            return;
        };
        child.phase = Phase::Waiting;
        let wait = child.backoff.next_wait();
        self.addresses.bury(name);
        self.shared.providers.bury(name);
        self.shared.metrics.restarted(name, cause);
        tracing::warn!(provider = %name, cause, wait_ms = wait.as_millis(), "provider restarts");
        ctx.run_later(wait, move |actor, ctx| actor.open(name, ctx));
    }

    /// Tells why a provider did not start, and tries again later.
    fn give_up(&mut self, name: ProviderName, failure: OpenFailure, ctx: &mut Context<Self>) {
        self.retry(name, "start", ctx);
        match failure {
            OpenFailure::Provider(error) => {
                self.shared.providers.note_ailment(name, &error);
                let _logged = from_provider(error);
            }
            OpenFailure::Registry(_logged) => {}
        }
    }

    fn bury_the_dead(&mut self, ctx: &mut Context<Self>) {
        let is_dead = |child: &Child| matches!(&child.phase, Phase::Up(addr) if !addr.connected());
        let dead: Vec<_> = self
            .children
            .values()
            .filter(|child| is_dead(child))
            .map(|c| c.spec.name)
            .collect();
        for name in dead {
            self.retry(name, "death", ctx);
        }
    }

    /// Shows which rotations are open, which reservations nobody settles, and which keys are marked. What
    /// was seen last stands while the registry cannot be asked.
    fn look_at_registry(&mut self, ctx: &mut Context<Self>) {
        let shared = Arc::clone(&self.shared);
        let look = async move {
            let ports = &shared.ports;
            let open = ports.registry.open_rotations();
            if let Ok(Ok(open)) = tokio::time::timeout(LOOK_INTERVAL, open).await {
                shared.rotations.show(&open, clock::now());
            }
            let notices = ports.registry.notices();
            if let Ok(Ok(notices)) = tokio::time::timeout(LOOK_INTERVAL, notices).await {
                shared.notices.show(&notices);
            }
            let pending = ports.registry.pending();
            if let Ok(Ok(mut idle)) = tokio::time::timeout(LOOK_INTERVAL, pending).await {
                idle.retain(|pending| !shared.is_being_made(pending.scope, &pending.key_id));
                let providers = &shared.providers;
                shared
                    .unsettled
                    .show(&idle, |name| providers.is_configured(name));
            }
        };
        ctx.spawn(look.into_actor(self));
    }

    fn liveness(&self) -> Liveness {
        let mut warnings: Vec<_> = self.children.values().flat_map(cautions).collect();
        warnings.sort_unstable();
        Liveness { warnings }
    }
}

/// What an operator should know of a provider, whether or not it is up.
fn cautions(child: &Child) -> impl Iterator<Item = String> {
    let name = child.spec.name;
    let unfit = child
        .spec
        .is_dev_only
        .then(|| format!("key provider \"{name}\" is dev-only"));
    let caution = child
        .capabilities
        .and_then(|capabilities| capabilities.caution);
    let caution = caution.map(|caution| format!("key provider \"{name}\": {caution}"));
    unfit.into_iter().chain(caution)
}

/// Why a provider did not start.
enum OpenFailure {
    /// It did not prove itself.
    Provider(KeyProviderError),
    /// What was left open could not be read.
    Registry(CustodyError),
}

struct Opened {
    addr: Addr<ProviderActor>,
    capabilities: ProviderCapabilities,
}

/// Builds a provider, has it prove itself, settles what was left open, and starts its actor.
async fn open_provider(
    spec: ProviderSpec,
    shared: Arc<Shared>,
    arbiter: ArbiterHandle,
) -> Result<Opened, OpenFailure> {
    let times_buried = shared.providers.times_buried(spec.name);
    let provider = built(&spec, &shared.metrics).await;
    let provider = provider.map_err(OpenFailure::Provider)?;
    let capabilities = *provider.capabilities();
    let context = ProviderContext {
        provider,
        opened_at: clock::now(),
        times_buried,
        shared,
    };
    if let Some(mistake) = mistake(&context).await.map_err(OpenFailure::Registry)? {
        return Err(OpenFailure::Provider(mistake));
    }
    repair(&context).await.map_err(OpenFailure::Registry)?;
    if context.shared.providers.times_buried(spec.name) != times_buried {
        // Nobody waits for it any more.
        return Err(OpenFailure::Registry(provider_down()));
    }
    let addr = ProviderActor::start_in_arbiter(&arbiter, |_| ProviderActor::new(context));
    Ok(Opened { addr, capabilities })
}

async fn built(
    spec: &ProviderSpec,
    metrics: &Metrics,
) -> Result<Arc<GuardedProvider>, KeyProviderError> {
    let provider = GuardedProvider::new((spec.factory)().await?, metrics.clone());
    let deadline = Deadline::after(FIRST_CHECK_DEADLINE);
    match provider.check(deadline).await {
        Some(checked) => checked.map(|()| Arc::new(provider)),
        None => Err(KeyProviderError::ProviderUnavailable {
            context: "waiting for the first check",
            retry_after: RETRY_SOON,
            outcome_unknown: false,
            source: None,
        }),
    }
}

impl Actor for SupervisorActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let names: Vec<_> = self.children.keys().copied().collect();
        for name in names {
            self.open(name, ctx);
        }
        ctx.run_interval(WATCH_INTERVAL, Self::bury_the_dead);
        self.look_at_registry(ctx);
        ctx.run_interval(LOOK_INTERVAL, Self::look_at_registry);
    }
}

/// Asks whether the supervisor lives, and what an operator should know.
#[derive(Debug, Message)]
#[rtype(result = "Liveness")]
pub(crate) struct Ping;

impl Handler<Ping> for SupervisorActor {
    type Result = MessageResult<Ping>;

    fn handle(&mut self, _: Ping, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.liveness())
    }
}

/// Tells the supervisor that somebody met a closed mailbox.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct LookAfterProviders;

impl Handler<LookAfterProviders> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: LookAfterProviders, ctx: &mut Self::Context) {
        self.bury_the_dead(ctx);
    }
}

/// Tells the supervisor that a rotation was opened or closed, or a key marked or retired.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct LookAtRegistry;

impl Handler<LookAtRegistry> for SupervisorActor {
    type Result = ();

    fn handle(&mut self, _: LookAtRegistry, ctx: &mut Self::Context) {
        self.look_at_registry(ctx);
    }
}
