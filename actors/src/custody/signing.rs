//! The way of a request to its key.

use std::future::Future;

use actix::MailboxError;
use signer_domain::ports::{
    CurrentKey, CustodyError, ShownKey, SignRequest, SignTarget, SignedDigest,
};
use signer_domain::{Deadline, HandleId, ProviderName, Scope};

use super::{ActorCustody, within};
use crate::errors::{from_registry, provider_down};
use crate::key::{Marking, Request, Sign};
use crate::keys::GRACE;
use crate::provider::{FinishRetirements, TellRetired};
use crate::supervisor::{LookAfterProviders, LookAtRegistry};

/// How often a request for a scope follows its current key to the next one, while one rotation after
/// the other is opened and closed.
const SUCCESSORS: usize = 8;

impl ActorCustody {
    /// Signs one digest.
    pub(super) async fn sign_one(
        &self,
        request: &SignRequest,
        deadline: Deadline,
    ) -> Result<SignedDigest, CustodyError> {
        let sign = Sign {
            digest: request.digest,
        };
        let signed = self.ask_target(&request.target, &sign, deadline);
        let signed = signed.await?;
        self.while_it_stands(signed)
    }

    /// Gives what was made by what is remembered of the registry, as long as that is the registry still.
    pub(super) fn while_it_stands<T>(&self, made: T) -> Result<T, CustodyError> {
        self.shared
            .ports
            .registry
            .lease_holds()
            .map_err(from_registry)?;
        Ok(made)
    }

    /// Asks the actor of the key that is meant. A request for a scope that meets the old key of a rotation
    /// when it is closed or blocked goes on to the new one.
    pub(super) async fn ask_target<R, T>(
        &self,
        target: &SignTarget,
        request: &R,
        deadline: Deadline,
    ) -> Result<T, CustodyError>
    where
        R: Request<Answer = Result<T, CustodyError>>,
    {
        self.while_it_stands(())?;
        let scope = match target {
            SignTarget::Handle(handle) => {
                return self.ask(handle, request, deadline).await?;
            }
            SignTarget::Scope(scope) => *scope,
        };
        self.shared.settings.profile.permit(scope)?;
        let mut handle = self.current_key(scope, deadline).await?;
        for _ in 0..SUCCESSORS {
            let answer = self.ask(&handle, request, deadline).await?;
            match &answer {
                Ok(_) => {}
                Err(bar) if is_bar(bar) => self.shared.currents.forget(scope),
                Err(_) => return answer,
            }
            // What the key said holds for the scope if it was the current one before and after. It may
            // have been blocked for as long as it was, and unblocked behind a rotation.
            let current = self.current_key(scope, deadline).await?;
            if current == handle {
                return answer;
            }
            handle = current;
        }
        Err(CustodyError::KeyRetired)
    }

    async fn current_key(
        &self,
        scope: Scope,
        deadline: Deadline,
    ) -> Result<HandleId, CustodyError> {
        let currents = &self.shared.currents;
        let epoch = match currents.recall(scope) {
            Ok(handle) => return Ok(handle),
            Err(epoch) => epoch,
        };
        match within(deadline, self.shared.ports.registry.current(&scope)).await? {
            CurrentKey::Key(key) => {
                currents.remember(scope, key.handle_id.clone(), epoch);
                Ok(key.handle_id)
            }
            CurrentKey::Retired => Err(CustodyError::KeyRetired),
            CurrentKey::Unknown => Err(CustodyError::KeyNotFound),
        }
    }

    /// Asks the actor of a key.
    pub(super) async fn ask<R: Request>(
        &self,
        handle: &HandleId,
        request: &R,
        deadline: Deadline,
    ) -> Result<R::Answer, CustodyError> {
        self.check_handle(handle)?;
        self.shared.keys.ask(handle, request, deadline).await
    }

    /// Has a key marked.
    pub(super) async fn mark(
        &self,
        handle: &HandleId,
        marking: Marking,
        deadline: Deadline,
    ) -> Result<ShownKey, CustodyError> {
        if deadline.is_past() {
            return Err(CustodyError::DeadlineExceeded);
        }
        let marked = self.ask(handle, &marking, deadline).await;
        self.look_at_registry();
        Ok(self.shown(marked??))
    }

    /// Has the gauges and warnings follow at once instead of a little later.
    pub(super) fn look_at_registry(&self) {
        // A full mailbox means that it is looking already.
        drop(self.supervisor.try_send(LookAtRegistry));
    }

    /// Has a provider asked again for the retirements that it has not confirmed. One that is down, or
    /// whose mailbox is full, finds them in the registry later.
    pub(super) fn finish_retirements(&self, name: ProviderName) {
        if let Some(provider) = self.addresses.of(name) {
            drop(provider.try_send(FinishRetirements));
        }
    }

    /// Has a provider told that a rotation has retired one of its keys; likewise.
    pub(super) fn tell_retired(&self, handle: HandleId) {
        if let Some(provider) = self.addresses.of(handle.provider()) {
            drop(provider.try_send(TellRetired { handle }));
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
