//! One actor for each handle in use: it decides who may sign with the key, and when.

pub(crate) mod doubt;
mod gate;
mod retirement;
mod seats;
mod turn;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use signer_domain::ports::{CustodyError, FreshKey, Presence};
use signer_domain::{Deadline, SigningKey};

pub(crate) use gate::KeyGate;
pub(crate) use retirement::record as record_retirement;
pub(crate) use seats::Seats;
pub(crate) use turn::{KeyFace, Turn};

use crate::errors::{RETRY_SOON, from_registry};
use crate::ports::DrivenPorts;
use crate::routes::CurrentKeys;

/// After this many messages in a row the actor lets others run: a mailbox that is refilled as fast as
/// it is drained would own the thread.
const MESSAGES_PER_SLICE: u32 = 8;

/// How long each try to get a retirement on record may take.
const FINISH_DEADLINE: Duration = Duration::from_secs(10);

/// Decides who may sign with one key. It holds the registry's record of the key while it is in
/// memory. Who else changes that record, as a rotation does, notes it at the gate.
#[derive(Debug)]
pub(crate) struct KeyActor {
    face: Arc<KeyFace>,
    ports: DrivenPorts,
    currents: Arc<CurrentKeys>,
    messages: u32,
    /// Whether a try to get a retirement on record is due already.
    is_finish_due: bool,
}

impl KeyActor {
    pub(crate) fn new(face: KeyFace, ports: DrivenPorts, currents: Arc<CurrentKeys>) -> Self {
        Self {
            face: Arc::new(face),
            ports,
            currents,
            messages: 0,
            is_finish_due: false,
        }
    }

    /// Grants a turn at once where that is possible.
    fn grant(&self, deadline: Deadline, seats: Seats) -> Grant {
        if deadline.is_past() {
            return Grant::Refused(CustodyError::DeadlineExceeded);
        }
        // A key that is retired stays so, whatever else is known of it.
        if self.face.gate.is_closed() {
            return Grant::Refused(CustodyError::KeyRetired);
        }
        if !self.face.is_fresh() {
            return Grant::AfterRefresh(seats);
        }
        if let Err(error) = self.face.may_sign() {
            return Grant::Refused(error);
        }
        match self.face.gate.try_turn() {
            Some(permit) => Grant::Now(Turn::new(permit, seats, Arc::clone(&self.face))),
            None => Grant::AfterOthers(seats),
        }
    }

    /// Takes over a record, unless a later one was taken over meanwhile.
    fn adopt(&mut self, fresh: FreshKey, as_of: u64) {
        self.face.gate.learn(&fresh.key);
        if fresh.key.version >= self.face.key.version {
            self.face = Arc::new(self.face.with_record(fresh, as_of));
        }
    }

    /// Takes over what a retirement, or the try at one, led to.
    fn settle(
        &mut self,
        outcome: Result<SigningKey, CustodyError>,
        ctx: &mut Context<Self>,
    ) -> Result<SigningKey, CustodyError> {
        match outcome {
            Ok(key) => {
                let fresh = FreshKey {
                    key: key.clone(),
                    valid_until: self.face.valid_until,
                };
                // Nothing follows a retirement, so the record is the last one.
                self.adopt(fresh, self.face.gate.changes());
                self.face.note_presence(Presence::Assumed);
                self.currents.forget(key.scope);
                Ok(key)
            }
            Err(error) => {
                if self.face.gate.is_retiring() {
                    self.finish_retirement_later(ctx);
                }
                Err(error)
            }
        }
    }

    /// A retirement that the provider has done must get on record, whoever asked for it.
    fn finish_retirement_later(&mut self, ctx: &mut Context<Self>) {
        if self.is_finish_due {
            return;
        }
        self.is_finish_due = true;
        ctx.run_later(RETRY_SOON, |actor, ctx| {
            actor.is_finish_due = false;
            if !actor.face.gate.is_retiring() {
                return;
            }
            let work = actor.retirement(Deadline::after(FINISH_DEADLINE));
            ctx.spawn(work.into_actor(actor).map(|outcome, actor, ctx| {
                if let Err(error) = actor.settle(outcome, ctx) {
                    tracing::warn!(cause = %error, "retirement is not on record yet");
                }
            }));
        });
    }

    fn retirement(
        &self,
        deadline: Deadline,
    ) -> impl Future<Output = Result<SigningKey, CustodyError>> + use<> {
        let face = Arc::clone(&self.face);
        let ports = self.ports.clone();
        async move { retirement::retire(&face, &ports, deadline).await }
    }

    /// Lets other actors of this thread run now and then.
    fn breathe(&mut self, ctx: &mut Context<Self>) {
        self.messages += 1;
        if self.messages >= MESSAGES_PER_SLICE {
            self.messages = 0;
            ctx.wait(fut::wrap_future(tokio::task::yield_now()));
        }
    }
}

enum Grant {
    Now(Turn),
    AfterOthers(Seats),
    AfterRefresh(Seats),
    Refused(CustodyError),
}

impl Actor for KeyActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.face.gate.mailbox());
        if self.face.gate.is_retiring() {
            self.finish_retirement_later(ctx);
        }
    }
}

/// Asks for permission to sign.
#[derive(Debug, Message)]
#[rtype(result = "Result<Turn, CustodyError>")]
pub(crate) struct TakeTurn {
    pub(crate) deadline: Deadline,
    pub(crate) seats: Seats,
}

impl Handler<TakeTurn> for KeyActor {
    type Result = Response<Result<Turn, CustodyError>>;

    fn handle(&mut self, request: TakeTurn, ctx: &mut Self::Context) -> Self::Result {
        let TakeTurn { deadline, seats } = request;
        self.breathe(ctx);
        match self.grant(deadline, seats) {
            Grant::Now(turn) => Response::reply(Ok(turn)),
            Grant::Refused(error) => Response::reply(Err(error)),
            Grant::AfterOthers(seats) => {
                let (face, myself) = (Arc::clone(&self.face), ctx.address());
                Response::fut(async move {
                    let turn = turn::wait(face, deadline, seats).await?;
                    if turn.face().is_fresh() {
                        return Ok(turn);
                    }
                    // Whoever held the turns may have changed the record, and not have learned how.
                    turn.under(refreshed(&myself).await?)
                })
            }
            Grant::AfterRefresh(seats) => {
                let myself = ctx.address();
                Response::fut(async move {
                    let face = refreshed(&myself).await?;
                    turn::wait(face, deadline, seats).await
                })
            }
        }
    }
}

async fn refreshed(actor: &Addr<KeyActor>) -> Result<Arc<KeyFace>, CustodyError> {
    let refreshed = actor.send(Refresh).await;
    refreshed.map_err(|_died| CustodyError::Internal)?
}

/// Reads the record again because it may no longer be relied on.
#[derive(Debug, Message)]
#[rtype(result = "Result<Arc<KeyFace>, CustodyError>")]
struct Refresh;

impl Handler<Refresh> for KeyActor {
    type Result = ResponseActFuture<Self, Result<Arc<KeyFace>, CustodyError>>;

    fn handle(&mut self, _: Refresh, _: &mut Self::Context) -> Self::Result {
        // Many ask at once; those who come late find it done.
        if self.face.is_fresh() {
            return Box::pin(fut::ready(Ok(Arc::clone(&self.face))));
        }
        let as_of = self.face.gate.changes();
        let registry = Arc::clone(&self.ports.registry);
        let handle = self.face.key.handle_id.clone();
        let read = async move { registry.find(&handle).await };
        Box::pin(read.into_actor(self).map(move |found, actor, _| {
            let fresh = found
                .map_err(from_registry)?
                .ok_or(CustodyError::KeyNotFound)?;
            actor.adopt(fresh, as_of);
            Ok(Arc::clone(&actor.face))
        }))
    }
}

/// Asks for what is known of the key.
#[derive(Debug, Message)]
#[rtype(result = "Arc<KeyFace>")]
pub(crate) struct ReadFace {
    pub(crate) _seats: Seats,
}

impl Handler<ReadFace> for KeyActor {
    type Result = MessageResult<ReadFace>;

    fn handle(&mut self, _: ReadFace, ctx: &mut Self::Context) -> Self::Result {
        self.breathe(ctx);
        MessageResult(Arc::clone(&self.face))
    }
}

/// Retires the key once every turn has come back.
#[derive(Debug, Message)]
#[rtype(result = "Result<SigningKey, CustodyError>")]
pub(crate) struct Retire {
    pub(crate) deadline: Deadline,
    pub(crate) seats: Seats,
}

impl Handler<Retire> for KeyActor {
    type Result = ResponseActFuture<Self, Result<SigningKey, CustodyError>>;

    fn handle(
        &mut self,
        Retire { deadline, seats }: Retire,
        _: &mut Self::Context,
    ) -> Self::Result {
        let work = self.retirement(deadline);
        let work = async move {
            let _seats = seats;
            work.await
        };
        Box::pin(
            work.into_actor(self)
                .map(|outcome, actor, ctx| actor.settle(outcome, ctx)),
        )
    }
}

/// Ends the actor by a panic, as a defect of its own would.
#[cfg(feature = "_crash")]
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Crash;

#[cfg(feature = "_crash")]
impl Handler<Crash> for KeyActor {
    type Result = ();

    #[expect(clippy::panic, reason = "that is the point")]
    fn handle(&mut self, _: Crash, _: &mut Self::Context) {
        panic!("key actor crashed on demand");
    }
}
