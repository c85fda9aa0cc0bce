//! What may be asked of a key's actor.

use std::time::Duration;

use actix::prelude::*;
use signer_domain::ports::{CustodyError, SignedDigest};
use signer_domain::{Deadline, Digest, PublicKey, RotationTransition, SigningKey};

use super::jobs::{Share, Shared, Single};
use super::marking::{self, Marking};
use super::promise::{Later, promise};
use super::retirement::{self, Finish};
use super::{KeyActor, Seats};

/// How long a provider may take to show a public key before the registry's copy is served.
const PUBLIC_KEY_PATIENCE: Duration = Duration::from_secs(2);

/// Asks for one signature, verified under the registered public key.
#[derive(Debug, Message)]
#[rtype(result = "Result<SignedDigest, CustodyError>")]
pub struct Sign {
    /// The 64 bytes to sign.
    pub digest: Digest,
    /// When the signature is of no use any more.
    pub deadline: Deadline,
    /// What the request occupies.
    pub seats: Seats,
}

impl Handler<Sign> for KeyActor {
    type Result = Later<Result<SignedDigest, CustodyError>>;

    fn handle(&mut self, request: Sign, ctx: &mut Self::Context) -> Self::Result {
        self.breathe(ctx);
        let (promise, later) = promise();
        self.jobs.add(Single {
            digest: request.digest,
            deadline: request.deadline,
            promise,
            seats: request.seats,
        });
        self.advance(ctx);
        later
    }
}

/// Asks for many signatures on behalf of one batch, in the order of the digests.
#[derive(Debug, Message)]
#[rtype(result = "Result<Shared, CustodyError>")]
pub struct SignMany {
    /// What to sign, 64 bytes each.
    pub digests: Vec<Digest>,
    /// When the signatures are of no use any more.
    pub deadline: Deadline,
    /// What the request occupies.
    pub seats: Seats,
}

impl Handler<SignMany> for KeyActor {
    type Result = Later<Result<Shared, CustodyError>>;

    fn handle(&mut self, request: SignMany, ctx: &mut Self::Context) -> Self::Result {
        self.breathe(ctx);
        let SignMany {
            digests,
            deadline,
            seats,
        } = request;
        let (promise, later) = promise();
        let share = Share::new(digests, deadline, promise, seats, self.room.stay());
        self.jobs.add_share(share);
        self.advance(ctx);
        later
    }
}

/// Retires the key once every signature under way has ended.
#[derive(Debug, Message)]
#[rtype(result = "Result<SigningKey, CustodyError>")]
pub struct Retire {
    /// When the answer is of no use any more.
    pub deadline: Deadline,
    /// What the request occupies.
    pub seats: Seats,
}

impl Handler<Retire> for KeyActor {
    type Result = Later<Result<SigningKey, CustodyError>>;

    fn handle(&mut self, request: Retire, ctx: &mut Self::Context) -> Self::Result {
        let change = self.change(request.seats, ctx);
        let quiet = self.barrier(ctx);
        in_a_task(retirement::retire(change, quiet, request.deadline))
    }
}

/// Finishes a retirement that was begun, if it was not ended meanwhile.
#[derive(Debug, Message)]
#[rtype(result = "Result<Finish, CustodyError>")]
pub struct FinishRetirement {
    /// When the answer is of no use any more.
    pub deadline: Deadline,
    /// What the request occupies.
    pub seats: Seats,
}

impl Handler<FinishRetirement> for KeyActor {
    type Result = Later<Result<Finish, CustodyError>>;

    fn handle(&mut self, request: FinishRetirement, ctx: &mut Self::Context) -> Self::Result {
        let change = self.change(request.seats, ctx);
        let quiet = self.barrier(ctx);
        in_a_task(retirement::finish(change, quiet, request.deadline))
    }
}

/// Ends the rotation whose old key this is.
#[derive(Debug, Message)]
#[rtype(result = "Result<RotationTransition, CustodyError>")]
pub struct CloseRotation {
    /// The rotation, open or closed.
    pub rotation: RotationTransition,
    /// When the answer is of no use any more.
    pub deadline: Deadline,
    /// What the request occupies.
    pub seats: Seats,
}

impl Handler<CloseRotation> for KeyActor {
    type Result = Later<Result<RotationTransition, CustodyError>>;

    fn handle(&mut self, request: CloseRotation, ctx: &mut Self::Context) -> Self::Result {
        let change = self.change(request.seats, ctx);
        let quiet = self.barrier(ctx);
        let CloseRotation {
            rotation, deadline, ..
        } = request;
        in_a_task(retirement::close(change, quiet, rotation, deadline))
    }
}

/// Blocks the key, unblocks it, or releases it from quarantine.
#[derive(Debug, Message)]
#[rtype(result = "Result<SigningKey, CustodyError>")]
pub struct Mark {
    /// What is to happen.
    pub marking: Marking,
    /// When the answer is of no use any more.
    pub deadline: Deadline,
    /// What the request occupies.
    pub seats: Seats,
}

impl Handler<Mark> for KeyActor {
    type Result = Later<Result<SigningKey, CustodyError>>;

    fn handle(&mut self, request: Mark, ctx: &mut Self::Context) -> Self::Result {
        let change = self.change(request.seats, ctx);
        in_a_task(marking::mark(change, request.marking, request.deadline))
    }
}

/// Reads the public half from the provider. `None` when it cannot be asked, or shows another key.
#[derive(Debug, Message)]
#[rtype(result = "Option<PublicKey>")]
pub struct ReadPublicKey {
    /// When the answer is of no use any more.
    pub deadline: Deadline,
    /// What the request occupies.
    pub seats: Seats,
}

impl Handler<ReadPublicKey> for KeyActor {
    type Result = Later<Option<PublicKey>>;

    fn handle(&mut self, request: ReadPublicKey, ctx: &mut Self::Context) -> Self::Result {
        self.breathe(ctx);
        let ReadPublicKey { deadline, seats } = request;
        let patience = deadline.min(Deadline::after(PUBLIC_KEY_PATIENCE));
        let pen = self.pen(ctx);
        let provider = self.means.providers.value(self.record.provider());
        in_a_task(async move {
            let _seats = seats;
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
