//! The way of a request to its key: through the routes, past a closed mailbox, into a turn.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use actix::dev::{MessageResponse, ToEnvelope};
use actix::{Handler, MailboxError, Message};
use signer_domain::ports::{
    CurrentKey, CustodyError, KeyProviderError, Presence, SignRequest, SignTarget, SignedDigest,
};
use signer_domain::{Deadline, HandleId, ProviderName, PublicKey, Scope};

use super::{ActorCustody, within};
use crate::errors::{RETRY_SOON, from_registry, provider_down};
use crate::key::{KeyActor, KeyFace, Seats, TakeTurn, Turn, doubt};
use crate::provider::{FinishRetirements, OpenKey};
use crate::routes::{Line, Way};
use crate::supervisor::LookAfterProviders;

/// How often a request looks for its key again after it met a closed mailbox.
const TRIES: usize = 3;
/// How often a request for a scope follows its current key to the next one, while one rotation after
/// the other is opened and closed.
const SUCCESSORS: usize = 8;
/// The actors know the deadline and answer by it, with the better reason; this much later nobody
/// waits for them any more.
const GRACE: Duration = Duration::from_millis(100);
/// How long a provider may take to show a public key before the registry's copy is served.
const PUBLIC_KEY_PATIENCE: Duration = Duration::from_secs(2);

impl ActorCustody {
    /// Signs one digest. A request for a scope that meets the old key of a rotation when it is closed or
    /// blocked goes on to the new one.
    pub(super) async fn sign_one(
        &self,
        request: &SignRequest,
        deadline: Deadline,
    ) -> Result<SignedDigest, CustodyError> {
        for _ in 0..SUCCESSORS {
            let turn = self
                .turn_for(&request.target, Line::Single, deadline)
                .await?;
            let signed = turn.sign(&request.digest, deadline).await;
            let signed = signed.and_then(|signed| turn.gate().hand_out(signed));
            let signed = signed.and_then(|signed| self.while_it_stands(signed));
            match (signed, &request.target) {
                (Err(bar), SignTarget::Scope(scope)) if is_bar(&bar) => {
                    self.successor(*scope, turn.handle(), bar, deadline).await?;
                }
                (signed, _) => return signed,
            }
        }
        Err(CustodyError::KeyRetired)
    }

    /// Gives what was made by what is remembered of the registry, as long as that is the registry still.
    pub(super) fn while_it_stands<T>(&self, made: T) -> Result<T, CustodyError> {
        self.ports.registry.stands().map_err(from_registry)?;
        Ok(made)
    }

    /// Waits for permission to sign with the key that is meant.
    pub(super) async fn turn_for(
        &self,
        target: &SignTarget,
        line: Line,
        deadline: Deadline,
    ) -> Result<Turn, CustodyError> {
        self.while_it_stands(())?;
        let scope = match target {
            SignTarget::Handle(handle) => {
                let turn = self.turn_of(handle, line, deadline).await?;
                self.settings.profile.permit(turn.scope())?;
                return Ok(turn);
            }
            SignTarget::Scope(scope) => *scope,
        };
        self.settings.profile.permit(scope)?;
        let mut handle = self.current_key(scope, deadline).await?;
        for _ in 0..SUCCESSORS {
            let turn = self.turn_of(&handle, line, deadline).await;
            match &turn {
                Ok(_) => {}
                Err(bar) if is_bar(bar) => self.routes.currents.forget(scope),
                Err(_) => return turn,
            }
            // What was found of the key holds for the scope if the key was the current one before and
            // after. It may have been blocked for as long as it was, and unblocked behind a rotation.
            let current = self.current_key(scope, deadline).await?;
            if current == handle {
                return turn;
            }
            handle = current;
        }
        Err(CustodyError::KeyRetired)
    }

    /// The key that took the place of one which was retired or blocked a moment ago.
    ///
    /// # Errors
    /// `bar` when none did; and others by cause.
    async fn successor(
        &self,
        scope: Scope,
        barred: &HandleId,
        bar: CustodyError,
        deadline: Deadline,
    ) -> Result<HandleId, CustodyError> {
        self.routes.currents.forget(scope);
        let handle = self.current_key(scope, deadline).await?;
        if handle == *barred {
            return Err(bar);
        }
        Ok(handle)
    }

    async fn turn_of(
        &self,
        handle: &HandleId,
        line: Line,
        deadline: Deadline,
    ) -> Result<Turn, CustodyError> {
        let take = |seats| TakeTurn { deadline, seats };
        self.ask_key(handle, line, take, deadline).await?
    }

    async fn current_key(
        &self,
        scope: Scope,
        deadline: Deadline,
    ) -> Result<HandleId, CustodyError> {
        let epoch = match self.routes.currents.recall(scope) {
            Ok(handle) => return Ok(handle),
            Err(epoch) => epoch,
        };
        match within(deadline, self.ports.registry.current(&scope)).await? {
            CurrentKey::Key(fresh) => {
                let handle = fresh.key.handle_id;
                // A record that others may change is read again each time.
                if fresh.valid_until.is_none() {
                    self.routes.currents.remember(scope, handle.clone(), epoch);
                }
                Ok(handle)
            }
            CurrentKey::Retired => Err(CustodyError::KeyRetired),
            CurrentKey::Unknown => Err(CustodyError::KeyNotFound),
        }
    }

    /// Sends a message to the actor of a key, opening the actor when it is not in memory.
    pub(super) async fn ask_key<M>(
        &self,
        handle: &HandleId,
        line: Line,
        message: impl Fn(Seats) -> M,
        deadline: Deadline,
    ) -> Result<M::Result, CustodyError>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        KeyActor: Handler<M>,
        <KeyActor as Handler<M>>::Result: MessageResponse<KeyActor, M>,
        <KeyActor as actix::Actor>::Context: ToEnvelope<KeyActor, M>,
    {
        self.check_handle(handle)?;
        for _ in 0..TRIES {
            let Way { addr, seats } = self.find_way(handle, line, deadline).await?;
            let answer = addr.send(message(seats));
            match tokio::time::timeout(deadline.remaining() + GRACE, answer).await {
                Ok(Ok(answer)) => return Ok(answer),
                // The actor died, before this message or over it. Every message may be repeated.
                Ok(Err(MailboxError::Closed)) => self.routes.keys.bury(handle, &addr),
                Ok(Err(MailboxError::Timeout)) | Err(_) => {
                    return Err(CustodyError::DeadlineExceeded);
                }
            }
        }
        Err(CustodyError::Internal)
    }

    /// The way to a key, whose actor is opened when it is not in memory.
    async fn find_way(
        &self,
        handle: &HandleId,
        line: Line,
        deadline: Deadline,
    ) -> Result<Way, CustodyError> {
        for _ in 0..TRIES {
            match self.routes.way_to(handle, line, deadline).await? {
                Some(way) => return Ok(way),
                None => self.open(handle, deadline).await?,
            }
        }
        // It was let go each time before it could be reached: far too many keys are in use at once.
        Err(CustodyError::Overloaded {
            retry_after: RETRY_SOON,
        })
    }

    async fn open(&self, handle: &HandleId, deadline: Deadline) -> Result<(), CustodyError> {
        let provider = self
            .routes
            .providers
            .address(handle.provider())
            .ok_or_else(provider_down)?;
        let opened = provider.send(OpenKey {
            handle: handle.clone(),
        });
        self.answer_of_provider(opened, deadline).await
    }

    /// Has a provider asked again for the retirements that it has not confirmed. One that is down, or
    /// whose mailbox is full, finds them in the registry later.
    pub(super) fn finish_retirements(&self, name: ProviderName) {
        if let Some(provider) = self.routes.providers.address(name) {
            drop(provider.try_send(FinishRetirements));
        }
    }

    /// Waits for a provider actor's answer. A closed mailbox is a death, which the supervisor is told
    /// of at once.
    pub(super) async fn answer_of_provider<T>(
        &self,
        answer: impl Future<Output = Result<Result<T, CustodyError>, MailboxError>>,
        deadline: Deadline,
    ) -> Result<T, CustodyError> {
        match tokio::time::timeout(deadline.remaining() + GRACE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(MailboxError::Closed)) => {
                // A full mailbox means that it is looking already.
                drop(self.supervisor.try_send(LookAfterProviders));
                Err(provider_down())
            }
            Ok(Err(MailboxError::Timeout)) | Err(_) => Err(CustodyError::DeadlineExceeded),
        }
    }
}

/// Whether an error says that a key signs no more. By the time it was met another key may have taken
/// its place in the scope.
pub(super) const fn is_bar(error: &CustodyError) -> bool {
    matches!(
        error,
        CustodyError::KeyRetired | CustodyError::KeyBlocked | CustodyError::SignatureCheckFailed
    )
}

/// Reads the public half from the provider; `None` when it cannot be asked, or shows another key
/// than the registered one: then nothing it signs for the handle is released, and the handle is
/// quarantined where signatures are not verified.
pub(super) async fn read_public_key(face: &Arc<KeyFace>, deadline: Deadline) -> Option<PublicKey> {
    let patience = deadline.min(Deadline::after(PUBLIC_KEY_PATIENCE));
    let shown = doubt::show(face.provider.as_ref(), &face.key, &face.metrics, patience).await;
    let may_sign = face.key.state.may_sign();
    match shown {
        Ok(Some(shown)) if shown == face.key.public_key => {
            face.note_shown();
            Some(shown)
        }
        Ok(Some(_another)) => {
            if may_sign {
                face.note_presence(Presence::Swapped);
            }
            if may_sign && face.verifier.is_none() {
                doubt::quarantine(face).await;
            }
            None
        }
        Err(KeyProviderError::KeyNotFound) if may_sign => {
            face.note_presence(Presence::Missing);
            None
        }
        Ok(None) | Err(_) => None,
    }
}
