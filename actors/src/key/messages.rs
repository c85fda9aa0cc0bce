//! What may be asked of a key's actor.

use std::fmt;
use std::time::Duration;

use actix::prelude::*;
use signer_domain::ports::{CustodyError, SignedDigest};
use signer_domain::{Deadline, Digest, PublicKey, RotationTransition, SigningKey};

use super::jobs::{Share, Shared, Single};
use super::marking::Marking;
use super::promise::{Later, promise};
use super::retirement::{self, Finish};
use super::{KeyActor, Line, Seats};

/// How long a provider may take to show a public key before the registry's copy is served.
const PUBLIC_KEY_PATIENCE: Duration = Duration::from_secs(2);

type Ctx = Context<KeyActor>;

/// The message to a key's actor: a request, and what goes with each.
#[derive(Debug)]
pub struct Ask<R> {
    /// What is asked.
    pub request: R,
    /// When the answer is of no use any more.
    pub deadline: Deadline,
    /// What the request occupies.
    pub seats: Seats,
}

/// What may be asked. A request may be repeated.
pub trait Request: fmt::Debug + Clone + Send + 'static {
    /// What it is answered by.
    type Answer: Send + 'static;

    /// Where it queues for room.
    const LINE: Line;

    /// Takes it up.
    fn begin(asked: Ask<Self>, actor: &mut KeyActor, ctx: &mut Ctx) -> Later<Self::Answer>;
}

impl<R> Ask<R> {
    /// A request that is not counted.
    pub fn new(request: R, deadline: Deadline) -> Self {
        Self {
            request,
            deadline,
            seats: Seats::default(),
        }
    }
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

/// Asks for one signature, verified under the registered public key.
#[derive(Debug, Clone, Copy)]
pub struct Sign {
    /// The 64 bytes to sign.
    pub digest: Digest,
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

/// Asks for many signatures on behalf of one batch, in the order of the digests.
#[derive(Debug, Clone)]
pub struct SignMany {
    /// What to sign, 64 bytes each.
    pub digests: Vec<Digest>,
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
