//! One actor for each handle in use. It signs with its key, and everything about the key happens in its
//! mailbox.

mod ask;
mod change;
pub(crate) mod doubt;
mod exit;
mod jobs;
mod marking;
mod messages;
mod pen;
mod promise;
mod retirement;
mod room;
mod signature;
mod signing;
mod trust;

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use actix::prelude::*;
use signer_domain::ports::{CustodyError, SignatureVerifier};
use signer_domain::{DeploymentProfile, KeyState, SigningKey};
use tokio::sync::{Mutex, oneshot};

use self::change::{Barrier, News};
use self::jobs::Jobs;
use self::pen::Pen;
use self::trust::Trust;
use crate::admission::Seat;
use crate::currents::CurrentKeys;
use crate::errors::RETRY_SOON;
use crate::metrics::Metrics;
use crate::missing::MissingKeys;
use crate::own_acts::OwnActs;
use crate::ports::DrivenPorts;
use crate::providers::Providers;
use crate::settings::VerifyAfterSign;

pub use self::ask::{Ask, Sign, SignMany};
pub use self::exit::Unreleased;
pub use self::jobs::Shared;
pub use self::marking::Marking;
pub use self::messages::{CloseRotation, FinishRetirement, ReadPublicKey, Request, Retire};
pub use self::promise::Later;
pub use self::retirement::Finish;
pub(crate) use self::room::Room;
pub use self::room::{Line, Seats};

/// After this many messages, or signatures, in a row the actor lets others run: a mailbox that is
/// refilled as fast as it is drained would own the thread.
const SLICE: u32 = 8;

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
    /// How many blocks were asked for.
    blocks: u64,
    /// Held while the registry is asked for a mark.
    marks: Rc<Mutex<()>>,
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
            blocks: 0,
            marks: Rc::default(),
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
            if self.trust.is_shaken() && !is_changing {
                self.read_again(ctx);
            } else if !is_changing && !self.plans.go_on {
                self.sign_some(ctx);
            }
            self.look_for_the_late(ctx);
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
}

impl Actor for KeyActor {
    type Context = Context<Self>;
}

impl Handler<News> for KeyActor {
    type Result = ();

    fn handle(&mut self, news: News, ctx: &mut Self::Context) {
        match news {
            News::Record(key) => self.adopt(key),
            News::Doubt => self.trust.doubt(),
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
