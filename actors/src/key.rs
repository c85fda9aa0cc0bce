//! One actor for each handle in use. It signs with its key, and everything about the key happens in its
//! mailbox.

mod change;
pub(crate) mod doubt;
mod exit;
mod jobs;
mod marking;
mod messages;
mod promise;
mod retirement;
mod room;
mod signature;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use futures_util::FutureExt as _;
use signer_domain::ports::{CustodyError, FreshKey, SignatureVerifier};
use signer_domain::{Deadline, DeploymentProfile, KeyState, SigningKey};
use tokio::sync::oneshot;

use self::change::{Barrier, Change, News, Quiet, tell};
use self::jobs::{Job, Jobs};
use self::signature::Pen;
use crate::admission::Seat;
use crate::currents::CurrentKeys;
use crate::errors::{RETRY_SOON, from_registry, provider_down};
use crate::guarded::GuardedProvider;
use crate::metrics::Metrics;
use crate::missing::MissingKeys;
use crate::own_acts::OwnActs;
use crate::ports::DrivenPorts;
use crate::providers::Providers;
use crate::settings::VerifyAfterSign;

pub use self::exit::Unreleased;
pub use self::jobs::Shared;
pub use self::marking::Marking;
#[cfg(feature = "_crash")]
pub(crate) use self::messages::Crash;
pub use self::messages::{
    CloseRotation, FinishRetirement, Mark, ReadPublicKey, Retire, Sign, SignMany,
};
pub use self::promise::Later;
pub use self::retirement::Finish;
pub use self::room::Seats;
pub(crate) use self::room::{Line, Room};

/// After this many messages, or signatures, in a row the actor lets others run: a mailbox that is
/// refilled as fast as it is drained would own the thread.
const SLICE: u32 = 8;
/// How often it is looked whose time is up while somebody waits.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How long each try to get a retirement on record may take.
const FINISH_DEADLINE: Duration = Duration::from_secs(10);

/// What the actors of all keys share.
#[derive(Debug)]
pub(crate) struct Means {
    pub(crate) ports: DrivenPorts,
    pub(crate) own_acts: OwnActs,
    pub(crate) profile: DeploymentProfile,
    pub(crate) verify_after_sign: VerifyAfterSign,
    pub(crate) providers: Arc<Providers>,
    pub(crate) currents: Arc<CurrentKeys>,
    pub(crate) missing: Arc<MissingKeys>,
    pub(crate) metrics: Metrics,
}

/// Signs with one key, and changes it. All that decides is in its own fields; only the way out for its
/// signatures is looked at by others.
#[derive(Debug)]
pub struct KeyActor {
    means: Arc<Means>,
    room: Arc<Room>,
    record: Arc<SigningKey>,
    /// None only where verification after signing is switched off.
    verifier: Option<Arc<dyn SignatureVerifier>>,
    /// What to sign with, as long as the record is the same.
    pen: Option<Arc<Pen>>,
    jobs: Jobs,
    /// How many signatures are being made.
    signing: usize,
    /// How many changes are under way.
    changes: usize,
    /// The changes that wait until no signature is being made.
    waiting: VecDeque<oneshot::Sender<Barrier>>,
    has_barrier: bool,
    trust: Trust,
    /// Whether the provider has retired the key and the registry does not say so.
    is_retiring: bool,
    /// Keeps the actor in memory meanwhile.
    stays: Option<Seat>,
    /// What the actor has planned for itself.
    plans: Plans,
    messages: u32,
}

/// How far the record in memory may be relied on. Each change whose answer got lost may have changed it:
/// then it is read again before the key is used, and a reading that began before says nothing.
#[derive(Debug, Default)]
struct Trust {
    /// How many answers got lost.
    doubts: u64,
    /// How many of them had by the time of the last reading.
    settled: u64,
    is_reading: bool,
}

/// What an actor does later, once each.
#[derive(Debug, Default)]
struct Plans {
    /// It tries again to get a retirement on record.
    finish: bool,
    /// It looks whose time is up.
    look: bool,
    /// It goes on with signatures.
    go_on: bool,
}

impl KeyActor {
    /// What checks the signatures of a key. `None` where verification is switched off.
    ///
    /// # Errors
    /// [`CustodyError::SignatureCheckFailed`] when the registered public key is not usable.
    pub(crate) fn verifier(
        means: &Means,
        key: &SigningKey,
    ) -> Result<Option<Arc<dyn SignatureVerifier>>, CustodyError> {
        match means.verify_after_sign {
            VerifyAfterSign::Always => {
                let made = (means.ports.verifier_for)(&key.public_key);
                let made = made.map_err(|error| {
                    tracing::error!(key_id = %key.key_id, cause = %error, "registered key is unusable");
                    CustodyError::SignatureCheckFailed
                });
                made.map(Some)
            }
            VerifyAfterSign::Never => Ok(None),
        }
    }

    pub(crate) fn new(
        means: Arc<Means>,
        room: Arc<Room>,
        key: SigningKey,
        verifier: Option<Arc<dyn SignatureVerifier>>,
    ) -> Self {
        room.exit.follow(&key);
        Self {
            means,
            room,
            record: Arc::new(key),
            verifier,
            pen: None,
            jobs: Jobs::default(),
            signing: 0,
            changes: 0,
            waiting: VecDeque::new(),
            has_barrier: false,
            trust: Trust::default(),
            is_retiring: false,
            stays: None,
            plans: Plans::default(),
            messages: 0,
        }
    }

    /// Whether the key may sign: state first, then block, then quarantine.
    fn may_sign(&self) -> Result<(), CustodyError> {
        let SigningKey { state, marks, .. } = self.record.as_ref();
        if !state.may_sign() {
            return Err(CustodyError::KeyRetired);
        }
        // While a retirement waits for the registry, its outcome is the better answer.
        if self.is_retiring {
            return Err(CustodyError::RegistryUnavailable {
                retry_after: RETRY_SOON,
            });
        }
        self.room.exit.check()?;
        if marks.quarantined || self.room.is_suspect() {
            return Err(CustodyError::SignatureCheckFailed);
        }
        self.means.profile.permit(self.record.scope)?;
        Ok(())
    }

    /// Whether the key was retired, whatever else is known of it: it stays so.
    fn is_retired(&self) -> bool {
        self.record.state == KeyState::Retired
            || self.room.exit.check() == Err(CustodyError::KeyRetired)
    }

    /// What to sign with.
    fn pen(&mut self, ctx: &mut Context<Self>) -> Arc<Pen> {
        let pen = self.pen.get_or_insert_with(|| {
            Arc::new(Pen {
                key: Arc::clone(&self.record),
                verifier: self.verifier.clone(),
                means: Arc::clone(&self.means),
                room: Arc::clone(&self.room),
                actor: ctx.address().downgrade(),
                signatures: self.means.metrics.signatures_of(self.record.provider()),
            })
        });
        Arc::clone(pen)
    }

    /// Goes on with whatever can go on: a change that waits for the barrier, else signatures.
    fn advance(&mut self, ctx: &mut Context<Self>) {
        while self.signing == 0 && !self.has_barrier {
            let Some(waiting) = self.waiting.pop_front() else {
                break;
            };
            let barrier = Barrier {
                key: Arc::clone(&self.record),
                is_retiring: self.is_retiring,
                actor: ctx.address(),
            };
            self.has_barrier = true;
            // One that nobody takes says by itself that it is over.
            drop(waiting.send(barrier));
        }
        if self.is_retired() {
            self.jobs.refuse(&CustodyError::KeyRetired);
        }
        if !self.jobs.is_empty() {
            let is_changing = self.changes > 0 || self.has_barrier || self.trust.is_reading;
            if self.trust.settled < self.trust.doubts && !is_changing {
                self.read_again(ctx);
            } else if !is_changing && !self.plans.go_on {
                self.sign_some(ctx);
            }
            self.look_for_the_late(ctx);
        }
    }

    fn sign_some(&mut self, ctx: &mut Context<Self>) {
        let provider = self.means.providers.value(self.record.provider());
        let width = provider
            .as_ref()
            .map_or(1, |provider| provider.capabilities().max_in_flight.get());
        let mut at_once = 0;
        while self.signing < width {
            if at_once == SLICE {
                self.pause(ctx);
                return;
            }
            let Some(job) = self.jobs.next() else {
                return;
            };
            if self.begin(job, provider.as_ref(), ctx) == Course::AtOnce {
                at_once += 1;
            }
        }
    }

    /// Makes a signature, or begins to.
    fn begin(
        &mut self,
        job: Job,
        provider: Option<&Arc<GuardedProvider>>,
        ctx: &mut Context<Self>,
    ) -> Course {
        let (digest, deadline) = match &job {
            Job::Single(single) => (single.digest, single.deadline),
            Job::Item(item) => (item.digest, item.deadline),
        };
        let provider = if deadline.is_past() {
            Err(CustodyError::DeadlineExceeded)
        } else {
            let may_sign = self.may_sign();
            may_sign.and_then(|()| provider.cloned().ok_or_else(provider_down))
        };
        let provider = match provider {
            Ok(provider) => provider,
            Err(error) => {
                job.refuse(error);
                return Course::Refused;
            }
        };
        let pen = self.pen(ctx);
        let exit = Arc::clone(&self.room.exit);
        let mut work = Box::pin(async move { pen.sign(&provider, &digest, deadline).await });
        if let Some(signed) = work.as_mut().now_or_never() {
            job.keep(signed, exit);
            return Course::AtOnce;
        }
        self.signing += 1;
        let over = SignatureOver(ctx.address());
        actix_rt::spawn(async move {
            job.keep_by(work, exit).await;
            drop(over);
        });
        Course::Later
    }

    /// Lets others of this thread run, and goes on.
    fn pause(&mut self, ctx: &mut Context<Self>) {
        if !self.plans.go_on {
            self.plans.go_on = true;
            let pause = fut::wrap_future::<_, Self>(tokio::task::yield_now());
            ctx.spawn(pause.map(|(), actor, ctx| {
                actor.plans.go_on = false;
                actor.advance(ctx);
            }));
        }
    }

    /// Lets other actors of this thread run now and then.
    fn breathe(&mut self, ctx: &mut Context<Self>) {
        self.messages += 1;
        if self.messages >= SLICE {
            self.messages = 0;
            ctx.wait(fut::wrap_future(tokio::task::yield_now()));
        }
    }

    fn look_for_the_late(&mut self, ctx: &mut Context<Self>) {
        if !self.plans.look && !self.jobs.is_empty() {
            self.plans.look = true;
            ctx.run_later(LOOK_INTERVAL, |actor, ctx| {
                actor.plans.look = false;
                actor.jobs.drop_the_late();
                actor.look_for_the_late(ctx);
            });
        }
    }

    /// Reads the record again because it may no longer be relied on.
    fn read_again(&mut self, ctx: &mut Context<Self>) {
        let doubts = self.trust.doubts;
        self.trust.is_reading = true;
        let registry = Arc::clone(&self.means.ports.registry);
        let handle = self.record.handle_id.clone();
        let read = async move { registry.find(&handle).await };
        ctx.spawn(read.into_actor(self).map(move |found, actor, ctx| {
            actor.trust.is_reading = false;
            let found = found.map_err(from_registry);
            match found.and_then(|found| found.ok_or(CustodyError::KeyNotFound)) {
                Ok(FreshKey { key, .. }) => {
                    actor.adopt(key);
                    actor.trust.settled = doubts;
                }
                Err(error) => actor.jobs.refuse(&error),
            }
            actor.advance(ctx);
        }));
    }

    /// Takes over a record, unless a later one was taken over meanwhile.
    fn adopt(&mut self, key: SigningKey) {
        if key.version < self.record.version {
            return;
        }
        self.room.exit.follow(&key);
        if key.state == KeyState::Retired {
            self.is_retiring = false;
            self.stays = None;
        }
        self.record = Arc::new(key);
        self.pen = None;
    }

    /// Begins a change. Nobody signs until it is over.
    fn change(&mut self, seats: Seats, ctx: &mut Context<Self>) -> Change {
        self.changes += 1;
        Change::new(
            self.record.handle_id.clone(),
            Arc::clone(&self.means),
            Arc::clone(&self.room),
            ctx.address(),
            seats,
        )
    }

    /// Asks for the barrier.
    fn barrier(&mut self, ctx: &mut Context<Self>) -> Quiet {
        let (reply, quiet) = oneshot::channel();
        self.waiting.push_back(reply);
        self.advance(ctx);
        quiet
    }

    /// A retirement that the provider has done must get on record, whoever asked for it.
    fn finish_later(&mut self, ctx: &mut Context<Self>) {
        if self.plans.finish || !self.is_retiring {
            return;
        }
        self.plans.finish = true;
        ctx.run_later(RETRY_SOON, |actor, ctx| {
            actor.plans.finish = false;
            if actor.is_retiring {
                let seats = actor.room.enter(Line::Share, None);
                let change = actor.change(seats.unwrap_or_default(), ctx);
                let deadline = Deadline::after(FINISH_DEADLINE);
                let work = retirement::finish(change, actor.barrier(ctx), deadline);
                actix_rt::spawn(async move {
                    if let Err(error) = work.await {
                        tracing::warn!(cause = %error, "retirement is not on record yet");
                    }
                });
            }
        });
    }
}

/// When a signature is made.
#[derive(Debug, PartialEq, Eq)]
enum Course {
    Refused,
    /// It is there already: the provider computes it on this thread.
    AtOnce,
    Later,
}

/// Tells the actor that a signature is no longer being made.
struct SignatureOver(Addr<KeyActor>);

impl Drop for SignatureOver {
    fn drop(&mut self) {
        tell(&self.0, News::SignatureOver);
    }
}

impl Actor for KeyActor {
    type Context = Context<Self>;
}

impl Handler<News> for KeyActor {
    type Result = ();

    fn handle(&mut self, news: News, ctx: &mut Self::Context) {
        match news {
            News::Record(key) => self.adopt(key),
            News::Doubt => self.trust.doubts += 1,
            News::ProviderHasRetired => {
                self.is_retiring = true;
                self.stays = self.room.stay();
            }
            News::BarrierOver => self.has_barrier = false,
            News::ChangeOver => {
                self.changes = self.changes.saturating_sub(1);
                self.finish_later(ctx);
            }
            News::SignatureOver => self.signing = self.signing.saturating_sub(1),
        }
        self.advance(ctx);
    }
}
