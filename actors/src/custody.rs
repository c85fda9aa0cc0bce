//! Custody as the outside sees it, on top of the actors.

mod batch;
mod health;
mod making;
mod rotating;
mod signing;

use std::fmt;
use std::io;
use std::sync::Arc;

use actix::{Actor as _, Addr, Context};
use actix_rt::Arbiter;
use async_trait::async_trait;
use prometheus_client::registry::Registry;
use signer_domain::ports::{
    Custody, CustodyError, GenerateKey, GeneratedOrStanding, KeyQuery, KeyRegistryError, Liveness,
    PublicKeySource, PublishedKey, Readiness, ShownKey, ShownKeys, SignRequest, SignedDigest,
};
use signer_domain::{Deadline, HandleId, ProviderName, SigningKey};

use crate::admission::{Admission, Seat};
use crate::errors::from_registry;
use crate::key::{KeyActor, Marking, ReadPublicKey, Retire, Seats};
use crate::metrics::Metrics;
use crate::ports::DrivenPorts;
use crate::provider::{Generate, ProviderActor, ProviderAddresses};
use crate::settings::{CustodySettings, ProviderSpec};
use crate::shared::Shared;
use crate::supervisor::SupervisorActor;

/// Custody implemented by the actors. They live as long as their actix system.
pub struct ActorCustody {
    shared: Arc<Shared>,
    addresses: Arc<ProviderAddresses>,
    supervisor: Addr<SupervisorActor>,
    /// Who reads the registry.
    reads: Admission,
    /// Who has a batch under way.
    batches: Admission,
    health: health::Health,
    /// The supervisor's own thread: it must answer while every provider is busy.
    _arbiter: Arbiter,
}

impl fmt::Debug for ActorCustody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorCustody")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

impl ActorCustody {
    /// Starts the supervisor, which opens the providers in the background. Their first one serves
    /// `generate` when a caller names none. Must be called inside an actix system.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub fn start(
        settings: CustodySettings,
        ports: DrivenPorts,
        providers: Vec<ProviderSpec>,
        metrics: &mut Registry,
    ) -> io::Result<Self> {
        let names: Vec<_> = providers.iter().map(|spec| spec.name).collect();
        let metrics = Metrics::register(metrics, &names);
        let max_in_flight = settings.max_in_flight;
        let shared = Arc::new(Shared::new(&names, settings, ports, metrics)?);
        let addresses = Arc::<ProviderAddresses>::default();
        let arbiter = Arbiter::try_new()?;
        let build = {
            let (addresses, shared) = (Arc::clone(&addresses), Arc::clone(&shared));
            move |_: &mut Context<SupervisorActor>| {
                SupervisorActor::new(providers, addresses, shared)
            }
        };
        let supervisor = SupervisorActor::start_in_arbiter(&arbiter.handle(), build);
        Ok(Self {
            reads: Admission::new(max_in_flight),
            batches: Admission::new(max_in_flight),
            health: health::Health::default(),
            shared,
            addresses,
            supervisor,
            _arbiter: arbiter,
        })
    }

    /// The actor of a key, for those who send it messages themselves, and seats that keep it in memory.
    ///
    /// # Errors
    /// [`CustodyError::KeyNotFound`]; and others by cause.
    pub async fn key_actor(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<(Addr<KeyActor>, Seats), CustodyError> {
        self.check_handle(handle)?;
        self.shared.keys.actor(handle, deadline).await
    }

    /// The actor of a provider, while it is up.
    pub fn provider_actor(&self, name: ProviderName) -> Option<Addr<ProviderActor>> {
        self.addresses.of(name)
    }

    fn admit(&self, room: &Admission) -> Result<Seat, CustodyError> {
        room.enter().inspect_err(|_overloaded| {
            self.shared.metrics.overloads.inc();
        })
    }

    async fn registered(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<SigningKey, CustodyError> {
        let _seat = self.admit(&self.reads)?;
        self.check_handle(handle)?;
        let found = within(deadline, self.shared.ports.registry.find(handle)).await?;
        found.ok_or(CustodyError::KeyNotFound)
    }

    fn shown(&self, mut key: SigningKey) -> ShownKey {
        // A quarantine holds before the registry has heard of it.
        key.marks.quarantined |= self.shared.keys.is_suspect(&key.handle_id);
        ShownKey {
            presence: self.shared.missing.presence_of(&key),
            key,
        }
    }

    /// A handle of a provider that is not configured is a key that does not exist here.
    fn check_handle(&self, handle: &HandleId) -> Result<(), CustodyError> {
        if self.shared.providers.is_configured(handle.provider()) {
            Ok(())
        } else {
            Err(CustodyError::KeyNotFound)
        }
    }
}

/// Waits for an answer of the registry.
async fn within<T>(
    deadline: Deadline,
    answer: impl Future<Output = Result<T, KeyRegistryError>>,
) -> Result<T, CustodyError> {
    let answer = tokio::time::timeout(deadline.remaining(), answer).await;
    answer
        .map_err(|_elapsed| CustodyError::DeadlineExceeded)?
        .map_err(from_registry)
}

#[async_trait]
impl Custody for ActorCustody {
    async fn generate(
        &self,
        request: GenerateKey,
        deadline: Deadline,
    ) -> Result<GeneratedOrStanding, CustodyError> {
        let GenerateKey {
            scope,
            key_id,
            provider,
        } = request;
        self.shared.settings.profile.permit(scope)?;
        let generate = Generate {
            scope,
            key_id,
            deadline,
        };
        self.have_made(provider, generate, deadline).await
    }

    async fn sign(
        &self,
        request: SignRequest,
        deadline: Deadline,
    ) -> Result<SignedDigest, CustodyError> {
        self.sign_one(&request, deadline).await
    }

    async fn sign_batch(
        &self,
        requests: Vec<SignRequest>,
        deadline: Deadline,
    ) -> Result<Vec<Result<SignedDigest, CustodyError>>, CustodyError> {
        let _seat = self.admit(&self.batches)?;
        Ok(self.sign_all(&requests, deadline).await)
    }

    async fn key(&self, handle: HandleId, deadline: Deadline) -> Result<ShownKey, CustodyError> {
        Ok(self.shown(self.registered(&handle, deadline).await?))
    }

    async fn keys(&self, query: KeyQuery, deadline: Deadline) -> Result<ShownKeys, CustodyError> {
        let _seat = self.admit(&self.reads)?;
        let page = within(deadline, self.shared.ports.registry.list(&query)).await?;
        Ok(ShownKeys {
            keys: page.keys.into_iter().map(|key| self.shown(key)).collect(),
            next: page.next,
        })
    }

    async fn public_key(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<PublishedKey, CustodyError> {
        let key = self.registered(&handle, deadline).await?;
        let shown = self.ask(&handle, &ReadPublicKey, deadline).await;
        Ok(match shown {
            Ok(Some(public_key)) => PublishedKey {
                public_key,
                source: PublicKeySource::Provider,
                key,
            },
            Ok(None) | Err(_) => PublishedKey {
                public_key: key.public_key,
                source: PublicKeySource::Registry,
                key,
            },
        })
    }

    async fn retire(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<SigningKey, CustodyError> {
        let asked = self.ask(&handle, &Retire, deadline).await;
        let retired = asked.and_then(|retired| retired);
        if retired.is_err() {
            // What was begun is finished soon, whatever failed.
            self.finish_retirements(handle.provider());
        }
        self.look_at_registry();
        retired
    }

    async fn block(&self, handle: HandleId, deadline: Deadline) -> Result<ShownKey, CustodyError> {
        self.mark(&handle, Marking::Block, deadline).await
    }

    async fn unblock(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<ShownKey, CustodyError> {
        self.mark(&handle, Marking::Unblock, deadline).await
    }

    async fn release_quarantine(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<ShownKey, CustodyError> {
        self.mark(&handle, Marking::ReleaseQuarantine, deadline)
            .await
    }

    fn may_release(&self) -> Result<(), CustodyError> {
        self.while_it_stands(())
    }

    async fn liveness(&self) -> Option<Liveness> {
        self.health.liveness(&self.supervisor).await
    }

    async fn readiness(&self) -> Readiness {
        self.health.readiness(&self.shared).await
    }
}
