//! What may be asked of a key's actor, and how each request is taken up.

use std::fmt;
use std::time::Duration;

use actix::prelude::*;
use signer_domain::ports::{CustodyError, SignedDigest};
use signer_domain::{Deadline, PublicKey, RotationTransition, SigningKey};

use super::ask::{Ask, Sign, SignMany};
use super::jobs::{Share, Shared, Single};
use super::marking::Marking;
use super::promise::{Later, promise};
use super::retirement::{self, Finish};
use super::{KeyActor, Line};

/// How long a provider may take to show a public key before the registry's copy is served.
const PUBLIC_KEY_PATIENCE: Duration = Duration::from_secs(2);

type Ctx = Context<KeyActor>;

/// What may be asked. A request may be repeated.
pub trait Request: fmt::Debug + Clone + Send + 'static {
    /// What it is answered by.
    type Answer: Send + 'static;

    /// Where it queues for room.
    const LINE: Line;

    /// Takes it up.
    fn begin(asked: Ask<Self>, actor: &mut KeyActor, ctx: &mut Ctx) -> Later<Self::Answer>;
}

impl<R: Request> Message for Ask<R> {
    type Result = R::Answer;
}

impl<R: Request> Handler<Ask<R>> for KeyActor {
    type Result = Later<R::Answer>;

    fn handle(&mut self, asked: Ask<R>, ctx: &mut Self::Context) -> Self::Result {
        self.breathe(ctx);
        R::begin(asked, self, ctx)
    }
}

impl Request for Sign {
    type Answer = Result<SignedDigest, CustodyError>;
    const LINE: Line = Line::Single;

    fn begin(asked: Ask<Self>, actor: &mut KeyActor, ctx: &mut Ctx) -> Later<Self::Answer> {
        let (promise, later) = promise();
        actor.jobs.add(Single { asked, promise });
        actor.advance(ctx);
        later
    }
}

impl Request for SignMany {
    type Answer = Result<Shared, CustodyError>;
    const LINE: Line = Line::Share;

    fn begin(asked: Ask<Self>, actor: &mut KeyActor, ctx: &mut Ctx) -> Later<Self::Answer> {
        let (promise, later) = promise();
        let share = Share::new(asked, promise, actor.room.stay());
        actor.jobs.add_share(share);
        actor.advance(ctx);
        later
    }
}

/// Retires the key once every signature under way has ended.
#[derive(Debug, Clone, Copy)]
pub struct Retire;

impl Request for Retire {
    type Answer = Result<SigningKey, CustodyError>;
    const LINE: Line = Line::Control;

    fn begin(asked: Ask<Self>, actor: &mut KeyActor, ctx: &mut Ctx) -> Later<Self::Answer> {
        let (change, quiet) = actor.change_when_quiet(asked.seats, ctx);
        in_a_task(retirement::retire(change, quiet, asked.deadline))
    }
}

/// Finishes a retirement that was begun, if it was not ended meanwhile.
#[derive(Debug, Clone, Copy)]
pub struct FinishRetirement;

impl Request for FinishRetirement {
    type Answer = Result<Finish, CustodyError>;
    const LINE: Line = Line::Control;

    fn begin(asked: Ask<Self>, actor: &mut KeyActor, ctx: &mut Ctx) -> Later<Self::Answer> {
        let (change, quiet) = actor.change_when_quiet(asked.seats, ctx);
        in_a_task(retirement::finish(change, quiet, asked.deadline))
    }
}

/// Ends the rotation whose old key this is.
#[derive(Debug, Clone)]
pub struct CloseRotation {
    /// The rotation, open or closed.
    pub rotation: RotationTransition,
}

impl Request for CloseRotation {
    type Answer = Result<RotationTransition, CustodyError>;
    const LINE: Line = Line::Control;

    fn begin(asked: Ask<Self>, actor: &mut KeyActor, ctx: &mut Ctx) -> Later<Self::Answer> {
        let (change, quiet) = actor.change_when_quiet(asked.seats, ctx);
        let Self { rotation } = asked.request;
        in_a_task(retirement::close(change, quiet, rotation, asked.deadline))
    }
}

impl Request for Marking {
    type Answer = Result<SigningKey, CustodyError>;
    const LINE: Line = Line::Control;

    fn begin(asked: Ask<Self>, actor: &mut KeyActor, ctx: &mut Ctx) -> Later<Self::Answer> {
        actor.mark(asked, ctx)
    }
}

/// Reads the public half from the provider. `None` when it cannot be asked, or shows another key.
#[derive(Debug, Clone, Copy)]
pub struct ReadPublicKey;

impl Request for ReadPublicKey {
    type Answer = Option<PublicKey>;
    const LINE: Line = Line::Control;

    fn begin(asked: Ask<Self>, actor: &mut KeyActor, ctx: &mut Ctx) -> Later<Self::Answer> {
        let pen = actor.pen(ctx);
        let provider = actor.means.providers.value(actor.record.provider());
        in_a_task(async move {
            let Ask {
                deadline,
                seats: _seats,
                ..
            } = asked;
            let patience = deadline.min(Deadline::after(PUBLIC_KEY_PATIENCE));
            pen.public_key(provider?.as_ref(), patience).await
        })
    }
}

/// Does the work of a message in a task that outlives the asker's patience and the actor.
fn in_a_task<T: 'static>(work: impl Future<Output = T> + 'static) -> Later<T> {
    let (promise, later) = promise();
    actix_rt::spawn(async move { promise.keep(work.await) });
    later
}
