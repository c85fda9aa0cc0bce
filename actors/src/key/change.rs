//! What a change of a key has in hand. It is a task of its own: the registry must not be left alone with
//! the news when nobody waits for the answer any more, or when the actor dies.

use std::sync::Arc;

use actix::prelude::*;
use signer_domain::ports::CustodyError;
use signer_domain::{Deadline, HandleId, KeyState, SigningKey};
use tokio::sync::oneshot;

use super::{KeyActor, Means, Room, Seats};

/// A change of one key. As long as it is there, the actor lets nobody sign.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) handle: HandleId,
    pub(super) means: Arc<Means>,
    pub(super) room: Arc<Room>,
    actor: Addr<KeyActor>,
    is_over: bool,
    _seats: Seats,
}

/// All signatures of the key that were under way have ended, and none begins while this is there.
#[derive(Debug)]
pub(super) struct Barrier {
    /// The record as it is now.
    pub(super) key: Arc<SigningKey>,
    /// Whether the provider has retired the key already, and the registry does not say so.
    pub(super) is_retiring: bool,
    pub(super) actor: Addr<KeyActor>,
}

/// The barrier, once it is there.
pub(super) type Quiet = oneshot::Receiver<Barrier>;

impl Drop for Barrier {
    fn drop(&mut self) {
        tell(&self.actor, News::BarrierOver);
    }
}

/// What a task tells the actor that began it. In order: a mailbox keeps it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) enum News {
    /// The registry's record of the key.
    Record(SigningKey),
    /// The registry may have changed the record, and its answer got lost.
    Doubt,
    /// The provider has made the key unusable, and the registry does not say so yet.
    ProviderHasRetired,
    BarrierOver,
    ChangeOver,
    SignatureOver,
}

impl KeyActor {
    /// Begins a change. The actor serves no signature until it is over.
    pub(super) fn change(&mut self, seats: Seats, ctx: &mut Context<Self>) -> Change {
        self.changes += 1;
        Change {
            handle: self.record.handle_id.clone(),
            means: Arc::clone(&self.means),
            room: Arc::clone(&self.room),
            actor: ctx.address(),
            is_over: false,
            _seats: seats,
        }
    }

    /// The same, and the barrier that it asks for.
    pub(super) fn change_when_quiet(
        &mut self,
        seats: Seats,
        ctx: &mut Context<Self>,
    ) -> (Change, Quiet) {
        let change = self.change(seats, ctx);
        let (reply, quiet) = oneshot::channel();
        self.waiting.push_back(reply);
        self.advance(ctx);
        (change, quiet)
    }
}

impl Change {
    pub(super) fn tell(&self, news: News) {
        tell(&self.actor, news);
    }

    /// Has the actor take over what the record is now. When this returns, the way out is barred if it
    /// is to be.
    pub(super) async fn adopt(&self, key: &SigningKey) {
        if self.actor.send(News::Record(key.clone())).await.is_err() {
            self.room.exit.follow_bars(key);
        }
    }

    /// Whether the key was retired, also when the record does not say so yet.
    pub(super) fn is_retired(&self, barrier: &Barrier) -> bool {
        let is_barred = self.room.exit.check() == Err(CustodyError::KeyRetired);
        is_barred || barrier.key.state == KeyState::Retired
    }

    /// Lets the actor go on.
    pub(super) fn over(&mut self) {
        if !self.is_over {
            self.is_over = true;
            self.tell(News::ChangeOver);
        }
    }
}

impl Drop for Change {
    fn drop(&mut self) {
        self.over();
    }
}

/// Tells the actor that began a task how it went. Each task tells a few things, and tasks are bounded, so
/// the capacity of the mailbox need not bound them.
#[expect(
    clippy::disallowed_methods,
    reason = "bounded by the signatures and changes under way, and news must not get lost"
)]
pub(super) fn tell(actor: &Addr<KeyActor>, news: News) {
    actor.do_send(news);
}

/// Waits for the barrier.
///
/// # Errors
/// [`CustodyError::DeadlineExceeded`] when signatures took too long;
/// [`CustodyError::Internal`] when the actor has died.
pub(super) async fn passed(barrier: Quiet, deadline: Deadline) -> Result<Barrier, CustodyError> {
    match tokio::time::timeout(deadline.remaining(), barrier).await {
        Ok(barrier) => barrier.map_err(|_died| CustodyError::Internal),
        Err(_elapsed) => Err(CustodyError::DeadlineExceeded),
    }
}
