//! Liveness and readiness.

use std::time::{Duration, Instant};

use actix::Addr;
use parking_lot::Mutex;
use signer_domain::ports::{CheckState, Liveness, Readiness, RegistryStore};

use crate::shared::Shared;
use crate::supervisor::{Ping, SupervisorActor};

/// How long a probe waits.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long one look at the registry serves all probes.
const REUSE: Duration = Duration::from_millis(500);

/// Answers the probes. A look at the registry is shared, so that probing often costs nothing.
#[derive(Debug, Default)]
pub(super) struct Health {
    registry: Mutex<Option<(Instant, CheckState)>>,
}

impl Health {
    pub(super) async fn liveness(&self, supervisor: &Addr<SupervisorActor>) -> Option<Liveness> {
        tokio::time::timeout(PATIENCE, supervisor.send(Ping))
            .await
            .ok()?
            .ok()
    }

    pub(super) async fn readiness(&self, shared: &Shared) -> Readiness {
        Readiness {
            registry: self.registry(shared.ports.registry.as_ref()).await,
            providers: shared.providers.statuses(),
            warnings: [
                shared.providers.warnings(),
                shared.missing.warnings(),
                shared.notices.warnings(),
                shared.rotations.warnings(),
                shared.unsettled.warnings(),
            ]
            .concat(),
        }
    }

    async fn registry(&self, registry: &dyn RegistryStore) -> CheckState {
        let known = *self.registry.lock();
        if let Some((seen, state)) = known
            && seen.elapsed() < REUSE
        {
            return state;
        }
        let state = match tokio::time::timeout(PATIENCE, registry.check()).await {
            Ok(Ok(())) => CheckState::Ok,
            Ok(Err(_)) | Err(_) => CheckState::Failing,
        };
        *self.registry.lock() = Some((Instant::now(), state));
        state
    }
}
