//! How a key is retired, whoever asks for it: a caller, a start that finds what the last one began, or
//! the end of a rotation.

use std::time::Duration;

use actix::prelude::*;
use signer_domain::ports::{CustodyError, KeyRegistryError, Presence, RetirementStage};
use signer_domain::{Deadline, KeyState, RotationTransition, SigningKey, clock};

use super::change::{Barrier, Change, News, Quiet, passed};
use super::{KeyActor, Line};
use crate::errors::{RETRY_SOON, from_registry, provider_down};

/// How long the end of a rotation, and a try to finish a retirement, wait for signatures that are under
/// way. At the end of a rotation those that take longer are made for nothing: a provider that hangs
/// does not keep it open.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long each try to get a retirement on record may take.
const FINISH_DEADLINE: Duration = Duration::from_secs(10);

/// What became of a retirement that was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It was finished now.
    Done,
    /// Whoever began it has ended it meanwhile.
    Superfluous,
}

/// Retires the key: waits until every signature under way has ended, notes in the registry what is about
/// to happen, then the provider, then the registry, then until every signature has left. The new key of
/// an open rotation is refused before anything is noted. What fails before the note leaves the key as
/// it was. With the note there is no way back: the key is blocked, and the provider's actor has it
/// tried again until the provider has confirmed.
///
/// # Errors
/// By cause. The call may be repeated.
pub(super) async fn retire(
    mut change: Change,
    quiet: Quiet,
    deadline: Deadline,
) -> Result<SigningKey, CustodyError> {
    if deadline.is_past() {
        return Err(CustodyError::DeadlineExceeded);
    }
    let barrier = passed(quiet, deadline).await?;
    let retired = if change.is_retired(&barrier) {
        Ok(registered(&change, &barrier.key).await?)
    } else {
        note_and_retire(&change, &barrier, deadline).await
    };
    drop(barrier);
    change.over();
    // What was signed before may still wait for its entry in the audit log. A key that goes on signing
    // is not disturbed.
    if change.room.exit.check().is_err() {
        change.room.exit.released(deadline).await?;
    }
    retired
}

async fn note_and_retire(
    change: &Change,
    barrier: &Barrier,
    deadline: Deadline,
) -> Result<SigningKey, CustodyError> {
    if barrier.is_retiring {
        return conclude(change, &barrier.key).await;
    }
    let noted = change.means.ports.registry.begin_retirement(&change.handle);
    // An answer that got lost may have been a yes, so the record is to be read again.
    let noted = noted.await.inspect_err(|_lost| change.tell(News::Doubt));
    let noted = noted.map_err(from_registry)?;
    if let Err(error) = tell_provider(change, deadline).await {
        change.adopt(&noted).await;
        return Err(error);
    }
    conclude(change, &noted).await
}

/// Finishes a retirement that was begun and not ended.
///
/// # Errors
/// By cause. The call may be repeated.
pub(super) async fn finish(
    change: Change,
    quiet: Quiet,
    deadline: Deadline,
) -> Result<Finish, CustodyError> {
    let barrier = passed(quiet, deadline.min(Deadline::after(PATIENCE))).await?;
    if change.is_retired(&barrier) {
        return Ok(Finish::Superfluous);
    }
    let begun = change
        .means
        .ports
        .registry
        .unsettled_retirements(RetirementStage::Begun)
        .await;
    let is_same = |begun: &SigningKey| begun.handle_id == change.handle;
    let Some(key) = begun.map_err(from_registry)?.into_iter().find(is_same) else {
        // It is on record already, though the answer that said so got lost.
        let key = find(&change).await?;
        change.adopt(&key).await;
        change.means.currents.forget(key.scope);
        return Ok(Finish::Superfluous);
    };
    if !barrier.is_retiring
        && let Err(error) = tell_provider(&change, deadline).await
    {
        change.adopt(&key).await;
        return Err(error);
    }
    conclude(&change, &key).await?;
    Ok(Finish::Done)
}

/// Closes a rotation, or makes sure of it when it is closed already. Needs no provider: that one is told
/// after the answer.
///
/// # Errors
/// By cause. The call may be repeated.
pub(super) async fn close(
    mut change: Change,
    quiet: Quiet,
    rotation: RotationTransition,
    deadline: Deadline,
) -> Result<RotationTransition, CustodyError> {
    if deadline.is_past() {
        return Err(CustodyError::DeadlineExceeded);
    }
    let patience = deadline.min(Deadline::after(PATIENCE));
    let barrier = passed(quiet, patience).await.ok();
    let registry = change.means.ports.registry.as_ref();
    let closed = match registry.close_rotation(&rotation, clock::now()).await {
        Ok(closed) => closed,
        Err(KeyRegistryError::Conflict) => return Err(CustodyError::RotationNotFound),
        Err(error) => {
            // An answer that got lost may have been a yes, so the record is to be read again.
            change.tell(News::Doubt);
            return Err(from_registry(error));
        }
    };
    change.room.exit.retire();
    change.tell(News::Doubt);
    drop(barrier);
    change.over();
    change.room.exit.released(deadline).await?;
    change.means.missing.note(&change.handle, Presence::Assumed);
    tracing::info!(
        scope = %closed.scope,
        old_key_id = %closed.old_key_id,
        new_key_id = %closed.new_key_id,
        "rotation closed"
    );
    Ok(closed)
}

async fn tell_provider(change: &Change, deadline: Deadline) -> Result<(), CustodyError> {
    let provider = change.means.providers.value(change.handle.provider());
    let provider = provider.ok_or_else(provider_down)?;
    let told = provider.retire(&change.handle, deadline).await;
    // The key is blocked by now, so this is no refusal: the provider is asked again.
    told.map_err(|error| match CustodyError::from(error) {
        CustodyError::RotationInProgress => provider_down(),
        error => error,
    })
}

/// Has the registry retire a key whose provider has made it unusable.
async fn conclude(change: &Change, key: &SigningKey) -> Result<SigningKey, CustodyError> {
    // The registry may take the change and its answer still be lost, so from here on the record in
    // memory is not to be signed under.
    change.tell(News::ProviderHasRetired);
    let retired = record(change, key).await?;
    change.adopt(&retired).await;
    change.means.currents.forget(retired.scope);
    change.means.missing.note(&change.handle, Presence::Assumed);
    tracing::info!(key_id = %retired.key_id, scope = %retired.scope, "key retired");
    Ok(retired)
}

/// Retires the record, also when it was changed in the meantime.
async fn record(change: &Change, key: &SigningKey) -> Result<SigningKey, CustodyError> {
    let registry = change.means.ports.registry.as_ref();
    let now = clock::now();
    match registry.retire(key, now).await {
        Ok(retired) => Ok(retired),
        Err(KeyRegistryError::Conflict) => {
            let key = find(change).await?;
            registry.retire(&key, now).await.map_err(from_registry)
        }
        Err(error) => Err(from_registry(error)),
    }
}

async fn registered(change: &Change, known: &SigningKey) -> Result<SigningKey, CustodyError> {
    if known.state == KeyState::Retired {
        return Ok(known.clone());
    }
    find(change).await
}

async fn find(change: &Change) -> Result<SigningKey, CustodyError> {
    let found = change.means.ports.registry.find(&change.handle).await;
    let found = found.map_err(from_registry)?;
    found.ok_or(CustodyError::KeyNotFound)
}

impl KeyActor {
    /// A retirement that the provider has done must get on record, whoever asked for it.
    pub(super) fn finish_later(&mut self, ctx: &mut Context<Self>) {
        if self.plans.finish || !self.is_retiring {
            return;
        }
        self.plans.finish = true;
        ctx.run_later(RETRY_SOON, |actor, ctx| {
            actor.plans.finish = false;
            if actor.is_retiring {
                let seats = actor.room.enter(Line::Share, None);
                let (change, quiet) = actor.change_when_quiet(seats.unwrap_or_default(), ctx);
                let work = finish(change, quiet, Deadline::after(FINISH_DEADLINE));
                actix_rt::spawn(async move {
                    if let Err(error) = work.await {
                        tracing::warn!(cause = %error, "retirement is not on record yet");
                    }
                });
            }
        });
    }
}
