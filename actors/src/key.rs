//! One actor for each handle in use: it decides who may sign with the key, and when.

mod gate;
mod retirement;
mod turn;

use std::sync::Arc;

use actix::prelude::*;
use signer_domain::ports::{CustodyError, FreshKey, KeyRegistry};
use signer_domain::{Deadline, SigningKey};

pub(crate) use gate::KeyGate;
pub(crate) use turn::{KeyFace, Turn};

use crate::admission::Seat;
use crate::errors::from_registry;
use crate::routes::CurrentKeys;

/// After this many messages in a row the actor lets others run: a mailbox that is refilled as fast as
/// it is drained would own the thread.
const MESSAGES_PER_SLICE: u32 = 8;

/// Decides who may sign with one key. It holds the registry's record of the key while it is in
/// memory; nobody else in this process changes that record.
#[derive(Debug)]
pub(crate) struct KeyActor {
    face: Arc<KeyFace>,
    registry: Arc<dyn KeyRegistry>,
    currents: Arc<CurrentKeys>,
    mailbox: usize,
    messages: u32,
}

impl KeyActor {
    pub(crate) fn new(
        face: KeyFace,
        registry: Arc<dyn KeyRegistry>,
        currents: Arc<CurrentKeys>,
        mailbox: usize,
    ) -> Self {
        Self {
            face: Arc::new(face),
            registry,
            currents,
            mailbox,
            messages: 0,
        }
    }

    /// Grants a turn at once where that is possible.
    fn grant(&self, deadline: Deadline) -> Grant {
        if deadline.is_past() {
            return Grant::Refused(CustodyError::DeadlineExceeded);
        }
        if !self.face.is_fresh() {
            return Grant::AfterRefresh;
        }
        if let Err(error) = self.face.may_sign() {
            return Grant::Refused(error);
        }
        match self.face.gate.try_turn() {
            Some(permit) => Grant::Now(Turn::new(permit, Arc::clone(&self.face))),
            None => Grant::AfterOthers,
        }
    }

    fn adopt(&mut self, fresh: FreshKey) {
        self.face = Arc::new(self.face.with_record(fresh));
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
    AfterOthers,
    AfterRefresh,
    Refused(CustodyError),
}

impl Actor for KeyActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.mailbox);
    }
}

/// Asks for permission to sign once.
#[derive(Debug, Message)]
#[rtype(result = "Result<Turn, CustodyError>")]
pub(crate) struct TakeTurn {
    pub(crate) deadline: Deadline,
    pub(crate) seat: Seat,
}

impl Handler<TakeTurn> for KeyActor {
    type Result = Response<Result<Turn, CustodyError>>;

    fn handle(&mut self, request: TakeTurn, ctx: &mut Self::Context) -> Self::Result {
        let TakeTurn { deadline, seat } = request;
        self.breathe(ctx);
        match self.grant(deadline) {
            Grant::Now(turn) => Response::reply(Ok(turn)),
            Grant::Refused(error) => Response::reply(Err(error)),
            Grant::AfterOthers => Response::fut(turn::wait(Arc::clone(&self.face), deadline, seat)),
            Grant::AfterRefresh => {
                let myself = ctx.address();
                Response::fut(async move {
                    let refreshed = myself.send(Refresh).await;
                    let face = refreshed.map_err(|_died| CustodyError::Internal)??;
                    turn::wait(face, deadline, seat).await
                })
            }
        }
    }
}

/// Reads the record again because it may no longer be relied on.
#[derive(Debug, Message)]
#[rtype(result = "Result<Arc<KeyFace>, CustodyError>")]
struct Refresh;

impl Handler<Refresh> for KeyActor {
    type Result = ResponseActFuture<Self, Result<Arc<KeyFace>, CustodyError>>;

    fn handle(&mut self, _: Refresh, _: &mut Self::Context) -> Self::Result {
        let registry = Arc::clone(&self.registry);
        let handle = self.face.key.handle_id.clone();
        let read = async move { registry.find(&handle).await };
        Box::pin(read.into_actor(self).map(|found, actor, _| {
            let fresh = found
                .map_err(from_registry)?
                .ok_or(CustodyError::KeyNotFound)?;
            actor.adopt(fresh);
            Ok(Arc::clone(&actor.face))
        }))
    }
}

/// Asks for what is known of the key.
#[derive(Debug, Message)]
#[rtype(result = "Arc<KeyFace>")]
pub(crate) struct ReadFace {
    pub(crate) _seat: Seat,
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
    pub(crate) seat: Seat,
}

impl Handler<Retire> for KeyActor {
    type Result = ResponseActFuture<Self, Result<SigningKey, CustodyError>>;

    fn handle(&mut self, Retire { deadline, seat }: Retire, _: &mut Self::Context) -> Self::Result {
        let face = Arc::clone(&self.face);
        let registry = Arc::clone(&self.registry);
        let work = async move {
            let _seat = seat;
            retirement::retire(&face, registry.as_ref(), deadline).await
        };
        Box::pin(work.into_actor(self).map(|retired, actor, _| {
            let key = retired?;
            actor.adopt(FreshKey {
                key: key.clone(),
                valid_until: actor.face.valid_until,
            });
            actor.currents.forget(key.scope);
            Ok(key)
        }))
    }
}

impl KeyActor {
    /// The gate that outlives this actor.
    pub(crate) fn gate(&self) -> Arc<KeyGate> {
        Arc::clone(&self.face.gate)
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
