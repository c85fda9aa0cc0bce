//! How keys are blocked, unblocked and released from quarantine, and how a retirement begins whose
//! provider is down. The registry alone is asked; neither the key's actor nor its provider is needed.

use std::sync::Arc;
use std::time::Instant;

use signer_domain::ports::{CustodyError, KeyRegistryError};
use signer_domain::{Deadline, HandleId, KeyMark, KeyState, SigningKey};
use tokio::sync::oneshot;

use super::ActorCustody;
use crate::errors::{from_registry, provider_down};
use crate::own_acts::OwnActs;
use crate::ports::DrivenPorts;
use crate::routes::Routes;
use crate::supervisor::LookAtRegistry;

/// What is to happen to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marking {
    Block,
    Unblock,
    ReleaseQuarantine,
    BeginRetirement,
}

/// What it takes to mark a key.
struct Marker {
    ports: DrivenPorts,
    routes: Arc<Routes>,
}

impl ActorCustody {
    /// Marks a key, in a task of its own: the registry must not be left alone with the news when nobody
    /// waits for the answer any more.
    pub(super) async fn mark(
        &self,
        handle: HandleId,
        marking: Marking,
        deadline: Deadline,
    ) -> Result<SigningKey, CustodyError> {
        let _seat = self.admit(&self.reads)?;
        self.check_handle(&handle)?;
        if deadline.is_past() {
            return Err(CustodyError::DeadlineExceeded);
        }
        let marker = Marker {
            ports: self.ports.clone(),
            routes: Arc::clone(&self.routes),
        };
        let (reply, answer) = oneshot::channel();
        self.arbiter.spawn(async move {
            drop(reply.send(marker.mark(handle, marking, deadline).await));
        });
        let answer = tokio::time::timeout(deadline.remaining(), answer).await;
        self.look_at_registry();
        answer
            .map_err(|_elapsed| CustodyError::DeadlineExceeded)?
            .unwrap_or(Err(CustodyError::Internal))
    }

    /// Has the gauges and warnings follow at once instead of a little later.
    pub(super) fn look_at_registry(&self) {
        // A full mailbox means that it is looking already.
        drop(self.supervisor.try_send(LookAtRegistry));
    }
}

impl Marker {
    async fn mark(
        &self,
        handle: HandleId,
        marking: Marking,
        deadline: Deadline,
    ) -> Result<SigningKey, CustodyError> {
        if marking == Marking::Unblock {
            let acts = OwnActs::new(Arc::clone(&self.ports.audit));
            let told = acts.about_to_unblock(handle.clone(), Instant::now()).await;
            told.map_err(|_unavailable| CustodyError::AuditUnavailable)?;
        }
        let keys = &self.routes.keys;
        let change = self.routes.changes.begin(&handle);
        let key = match self.change(&handle, marking).await {
            Ok(key) => key,
            Err(KeyRegistryError::Conflict) => return Err(CustodyError::KeyNotFound),
            Err(error) => {
                // An answer that got lost may have been a yes, so the record is to be read again.
                keys.note_change(&handle);
                return Err(from_registry(error));
            }
        };
        // A gate that came into place meanwhile belongs to an actor that read the record later, or
        // learns of it here.
        let gate = keys.gate_of(&handle);
        if let Some(gate) = &gate {
            gate.learn(&key);
            if marking == Marking::ReleaseQuarantine {
                gate.settle_quarantine();
            }
        }
        drop(change);
        // Whatever was signed before has left, or never will, once this is answered.
        if let (Marking::Block | Marking::BeginRetirement, Some(gate)) = (marking, &gate) {
            gate.released(deadline).await?;
        }
        let (key_id, scope) = (&key.key_id, key.scope);
        match (marking, key.state) {
            (Marking::BeginRetirement, KeyState::Retired) => Ok(key),
            (Marking::BeginRetirement, KeyState::Active | KeyState::Rotating) => {
                tracing::warn!(%key_id, %scope, "key is blocked until its provider is back and retires it");
                Err(provider_down())
            }
            (_, KeyState::Retired) => Err(CustodyError::KeyRetired),
            (Marking::Unblock, _) if key.marks.blocked => Err(CustodyError::KeyBlocked),
            (Marking::Block | Marking::Unblock | Marking::ReleaseQuarantine, _) => {
                tracing::warn!(%key_id, %scope, ?marking, "key marked on request");
                Ok(key)
            }
        }
    }

    async fn change(
        &self,
        handle: &HandleId,
        marking: Marking,
    ) -> Result<SigningKey, KeyRegistryError> {
        let registry = self.ports.registry.as_ref();
        match marking {
            Marking::Block => registry.mark(handle, KeyMark::Blocked).await,
            Marking::Unblock => registry.unmark(handle, KeyMark::Blocked).await,
            Marking::ReleaseQuarantine => registry.unmark(handle, KeyMark::Quarantined).await,
            Marking::BeginRetirement => registry.begin_retirement(handle).await,
        }
    }
}
