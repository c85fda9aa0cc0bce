//! Custody as the outside sees it, on top of the actors.

mod batch;
mod closing;
#[cfg(feature = "_crash")]
mod crash;
mod health;
mod making;
mod marking;
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
use signer_domain::{Deadline, HandleId, SigningKey};

use self::marking::Marking;
use crate::admission::{Admission, Seat};
use crate::errors::from_registry;
use crate::key::{ReadFace, Retire};
use crate::metrics::Metrics;
use crate::ports::DrivenPorts;
use crate::provider::Generate;
use crate::routes::{Line, Routes};
use crate::settings::{CustodySettings, ProviderSpec};
use crate::supervisor::{Shared, SupervisorActor};

/// Custody implemented by the actors. They live as long as their actix system.
pub struct ActorCustody {
    settings: Arc<CustodySettings>,
    ports: DrivenPorts,
    routes: Arc<Routes>,
    supervisor: Addr<SupervisorActor>,
    /// Who reads the registry.
    reads: Admission,
    /// Who has a batch under way.
    batches: Admission,
    metrics: Metrics,
    health: health::Health,
    /// The supervisor's own thread: it must answer while every provider is busy.
    arbiter: Arbiter,
}

impl fmt::Debug for ActorCustody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActorCustody")
            .field("settings", &self.settings)
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
        let settings = Arc::new(settings);
        let routes = Arc::new(Routes::new(&names, &settings, metrics.clone()));
        let shared = Shared {
            ports: ports.clone(),
            routes: Arc::clone(&routes),
            settings: Arc::clone(&settings),
            metrics: metrics.clone(),
        };
        let arbiter = Arbiter::try_new()?;
        let build = move |_: &mut Context<SupervisorActor>| SupervisorActor::new(providers, shared);
        let supervisor = SupervisorActor::start_in_arbiter(&arbiter.handle(), build);
        Ok(Self {
            reads: Admission::new(settings.max_in_flight),
            batches: Admission::new(settings.max_in_flight),
            health: health::Health::default(),
            settings,
            ports,
            routes,
            supervisor,
            metrics,
            arbiter,
        })
    }

    fn admit(&self, room: &Admission) -> Result<Seat, CustodyError> {
        room.enter().inspect_err(|_overloaded| {
            self.metrics.overloads.inc();
        })
    }

    async fn registered(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<SigningKey, CustodyError> {
        let _seat = self.admit(&self.reads)?;
        self.check_handle(handle)?;
        let found = within(deadline, self.ports.registry.find(handle)).await?;
        Ok(found.ok_or(CustodyError::KeyNotFound)?.key)
    }

    fn shown(&self, mut key: SigningKey) -> ShownKey {
        // A quarantine holds before the registry has heard of it.
        let gate = self.routes.keys.gate_of(&key.handle_id);
        key.marks.quarantined |= gate.is_some_and(|gate| gate.is_suspect());
        ShownKey {
            presence: self.routes.missing.presence_of(&key),
            key,
        }
    }

    /// A handle of a provider that is not configured is a key that does not exist here.
    fn check_handle(&self, handle: &HandleId) -> Result<(), CustodyError> {
        let configured = self.routes.providers.is_configured(handle.provider());
        if configured {
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
        self.settings.profile.permit(scope)?;
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
        let page = within(deadline, self.ports.registry.list(&query)).await?;
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
        let from_registry = |key: SigningKey| PublishedKey {
            public_key: key.public_key,
            source: PublicKeySource::Registry,
            key,
        };
        let Ok(face) = self
            .ask_key(
                &key.handle_id,
                Line::Control,
                |seats| ReadFace { _seats: seats },
                deadline,
            )
            .await
        else {
            return Ok(from_registry(key));
        };
        match signing::read_public_key(&face, deadline).await {
            Some(public_key) => Ok(PublishedKey {
                public_key,
                key,
                source: PublicKeySource::Provider,
            }),
            None => Ok(from_registry(key)),
        }
    }

    async fn retire(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<SigningKey, CustodyError> {
        let provider = handle.provider();
        let retire = |seats| Retire { deadline, seats };
        let asked = self.ask_key(&handle, Line::Control, retire, deadline).await;
        let retired = match asked {
            Err(CustodyError::ProviderUnavailable { .. }) => {
                // There is no actor without its provider. The key is blocked all the same.
                self.mark(handle, Marking::BeginRetirement, deadline).await
            }
            Ok(Err(error)) => {
                // What was begun is finished soon, whatever failed.
                self.finish_retirements(provider);
                Err(error)
            }
            Ok(Ok(key)) => Ok(key),
            Err(error) => Err(error),
        };
        self.look_at_registry();
        retired
    }

    async fn block(&self, handle: HandleId, deadline: Deadline) -> Result<ShownKey, CustodyError> {
        Ok(self.shown(self.mark(handle, Marking::Block, deadline).await?))
    }

    async fn unblock(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<ShownKey, CustodyError> {
        Ok(self.shown(self.mark(handle, Marking::Unblock, deadline).await?))
    }

    async fn release_quarantine(
        &self,
        handle: HandleId,
        deadline: Deadline,
    ) -> Result<ShownKey, CustodyError> {
        let released = self.mark(handle, Marking::ReleaseQuarantine, deadline);
        Ok(self.shown(released.await?))
    }

    async fn liveness(&self) -> Option<Liveness> {
        self.health.liveness(&self.supervisor).await
    }

    async fn readiness(&self) -> Readiness {
        self.health
            .readiness(self.ports.registry.as_ref(), &self.routes)
            .await
    }
}
