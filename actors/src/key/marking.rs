//! How a key is blocked, unblocked and released from quarantine. The registry alone is asked; the
//! provider is not needed.

use std::rc::Rc;
use std::time::Instant;

use actix::prelude::*;
use signer_domain::ports::{CustodyError, KeyRegistryError};
use signer_domain::{Deadline, KeyMark, KeyState, SigningKey};
use tokio::sync::Mutex;

use super::change::{Change, News};
use super::promise::{Later, Promise, promise};
use super::{Ask, KeyActor};
use crate::errors::{RETRY_SOON, from_registry};

/// Blocks the key, unblocks it, or releases it from quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marking {
    /// It signs no more until it is unblocked.
    Block,
    /// It may sign again.
    Unblock,
    /// It may sign although a signature by it did not verify once.
    ReleaseQuarantine,
}

/// What the registry is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Mark(KeyMark),
    Unmark(KeyMark),
    Look,
}

impl KeyActor {
    /// Marks the key.
    pub(super) fn mark(
        &mut self,
        asked: Ask<Marking>,
        ctx: &mut Context<Self>,
    ) -> Later<Result<SigningKey, CustodyError>> {
        let (promise, later) = promise();
        match asked.request {
            Marking::Unblock => self.unblock(asked, promise, ctx),
            Marking::Block => {
                self.blocks += 1;
                self.begin_to_mark(Act::Mark(KeyMark::Blocked), asked, promise, ctx);
            }
            Marking::ReleaseQuarantine => {
                self.begin_to_mark(Act::Unmark(KeyMark::Quarantined), asked, promise, ctx);
            }
        }
        later
    }

    /// Unblocks the key once it is on record that this is about to be done. Until then nothing is begun,
    /// and the key signs on. Then it may be too late: the caller has gone, or a block came in between,
    /// which is not undone by what was asked before; how that block went, the registry tells.
    /// Should the actor die over it, the asker asks anew.
    fn unblock(
        &mut self,
        asked: Ask<Marking>,
        promise: Promise<Result<SigningKey, CustodyError>>,
        ctx: &mut Context<Self>,
    ) {
        let own_acts = self.means.own_acts.clone();
        let handle = self.record.handle_id.clone();
        let blocks = self.blocks;
        let told = async move { own_acts.about_to_unblock(handle, Instant::now()).await };
        ctx.spawn(told.into_actor(self).map(move |told, actor, ctx| {
            if told.is_err() {
                promise.keep(Err(CustodyError::AuditUnavailable));
            } else if asked.deadline.is_past() || promise.is_abandoned() {
                promise.keep(Err(CustodyError::DeadlineExceeded));
            } else if actor.blocks != blocks {
                actor.begin_to_mark(Act::Look, asked, promise, ctx);
            } else {
                actor.begin_to_mark(Act::Unmark(KeyMark::Blocked), asked, promise, ctx);
            }
        }));
    }

    fn begin_to_mark(
        &mut self,
        act: Act,
        asked: Ask<Marking>,
        promise: Promise<Result<SigningKey, CustodyError>>,
        ctx: &mut Context<Self>,
    ) {
        let (marking, deadline) = (asked.request, asked.deadline);
        let change = self.change(asked.seats, ctx);
        let turn = Rc::clone(&self.marks);
        actix_rt::spawn(async move {
            promise.keep(mark(change, turn, act, marking, deadline).await);
        });
    }
}

/// Marks the key. After a block nothing that was signed before leaves the process once this is answered.
/// The registry is asked for one mark of a key after the other, in the order in which they were begun.
///
/// # Errors
/// [`CustodyError::KeyRetired`]; [`CustodyError::KeyBlocked`] when a begun retirement, or a block that came
/// meanwhile, keeps the key blocked; [`CustodyError::RegistryUnavailable`] when the answer to such a block
/// got lost; and others by cause.
async fn mark(
    mut change: Change,
    turn: Rc<Mutex<()>>,
    act: Act,
    marking: Marking,
    deadline: Deadline,
) -> Result<SigningKey, CustodyError> {
    let turn = turn.lock().await;
    let key = match in_registry(&change, act).await {
        Ok(key) => key,
        Err(KeyRegistryError::Conflict) => return Err(CustodyError::KeyNotFound),
        Err(error) => {
            // An answer that got lost may have been a yes, so the record is to be read again.
            change.tell(News::Doubt);
            return Err(from_registry(error));
        }
    };
    drop(turn);
    if act == Act::Look && key.may_sign() {
        // The block that came meanwhile has no effect, or none yet: its answer got lost.
        change.tell(News::Doubt);
        return Err(CustodyError::RegistryUnavailable {
            retry_after: RETRY_SOON,
        });
    }
    change.adopt(&key).await;
    if marking == Marking::ReleaseQuarantine {
        change.room.exit.trust();
    }
    change.over();
    if marking == Marking::Block {
        change.room.exit.released(deadline).await?;
    }
    if key.state == KeyState::Retired {
        return Err(CustodyError::KeyRetired);
    }
    if marking == Marking::Unblock && key.marks.blocked {
        return Err(CustodyError::KeyBlocked);
    }
    let (key_id, scope) = (&key.key_id, key.scope);
    tracing::warn!(%key_id, %scope, ?marking, "key marked on request");
    Ok(key)
}

async fn in_registry(change: &Change, act: Act) -> Result<SigningKey, KeyRegistryError> {
    let registry = change.means.ports.registry.as_ref();
    let handle = &change.handle;
    match act {
        Act::Mark(mark) => registry.mark(handle, mark).await,
        Act::Unmark(mark) => registry.unmark(handle, mark).await,
        Act::Look => {
            let found = registry.find(handle).await?;
            found.ok_or(KeyRegistryError::Conflict)
        }
    }
}
