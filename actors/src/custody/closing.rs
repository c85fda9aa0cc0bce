//! How a rotation ends: the registry retires the old key, its gate is shut, the answer goes out, and
//! then the provider is told.

use std::sync::Arc;
use std::time::Duration;

use signer_domain::ports::{CustodyError, KeyRegistryError, Presence};
use signer_domain::{Deadline, HandleId, RotationTransition, clock};

use crate::errors::from_registry;
use crate::ports::DrivenPorts;
use crate::provider::TellRetired;
use crate::routes::Routes;

/// How long signatures by the old key that are under way may take. Those that take longer are made
/// for nothing: a provider that hangs does not keep a rotation open.
const PATIENCE: Duration = Duration::from_secs(1);

/// What it takes to close a rotation.
#[derive(Debug)]
pub(super) struct Closing {
    pub(super) ports: DrivenPorts,
    pub(super) routes: Arc<Routes>,
}

impl Closing {
    /// Closes a rotation, or makes sure of it when it is closed already. Needs neither the old key's
    /// actor nor its provider.
    ///
    /// # Errors
    /// By cause. The call may be repeated.
    pub(super) async fn close(
        &self,
        rotation: RotationTransition,
        deadline: Deadline,
    ) -> Result<RotationTransition, CustodyError> {
        if deadline.is_past() {
            return Err(CustodyError::DeadlineExceeded);
        }
        let handle = &rotation.old_handle_id;
        let keys = &self.routes.keys;
        let gate = keys.gate_of(handle);
        let barrier = match &gate {
            Some(gate) => gate.barrier(patience(deadline)).await.ok(),
            None => None,
        };
        let rotations = self.ports.rotations.as_ref();
        match rotations.close_rotation(&rotation, clock::now()).await {
            Ok(closed) => {
                keys.shut(handle);
                drop(barrier);
                if let Some(gate) = keys.gate_of(handle) {
                    gate.released(deadline).await?;
                }
                self.routes.missing.note(handle, Presence::Assumed);
                self.tell_provider(handle);
                tracing::info!(
                    scope = %closed.scope,
                    old_key_id = %closed.old_key_id,
                    new_key_id = %closed.new_key_id,
                    "rotation closed"
                );
                Ok(closed)
            }
            Err(KeyRegistryError::Conflict) => Err(CustodyError::RotationNotFound),
            Err(error) => {
                // An answer that got lost may have been a yes, so the record is to be read again.
                keys.note_change(handle);
                Err(from_registry(error))
            }
        }
    }

    /// A provider that is down, or whose mailbox is full, finds it in the registry later.
    fn tell_provider(&self, handle: &HandleId) {
        if let Some(provider) = self.routes.providers.address(handle.provider()) {
            let handle = handle.clone();
            drop(provider.try_send(TellRetired { handle }));
        }
    }
}

fn patience(deadline: Deadline) -> Deadline {
    deadline.min(Deadline::after(PATIENCE))
}
