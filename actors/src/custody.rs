//! Custody as the outside sees it, on top of the actors.

mod batch;
#[cfg(feature = "_crash")]
mod crash;
mod health;
mod signing;

use std::fmt;
use std::sync::Arc;

use actix::{Actor as _, Addr, Context};
use actix_rt::Arbiter;
use async_trait::async_trait;
use prometheus_client::registry::Registry;
use signer_domain::ports::{
    Custody, CustodyError, GenerateKey, GeneratedOrStanding, KeyQuery, KeyRegistry, Liveness,
    Presence, PublicKeySource, PublishedKey, Readiness, ShownKey, ShownKeys, SignRequest,
    SignedDigest, VerifierFactory,
};
use signer_domain::{Deadline, HandleId, SigningKey};

use crate::admission::{Admission, Seat};
use crate::errors::{from_registry, provider_down};
use crate::key::{ReadFace, Retire};
use crate::metrics::Metrics;
use crate::provider::Generate;
use crate::routes::{Line, Routes};
use crate::settings::{CustodySettings, ProviderSpec};
use crate::supervisor::{Shared, SupervisorActor};

/// Custody implemented by the actors. They live as long as their actix system.
pub struct ActorCustody {
    settings: Arc<CustodySettings>,
    registry: Arc<dyn KeyRegistry>,
    routes: Arc<Routes>,
    supervisor: Addr<SupervisorActor>,
    /// Who reads the registry.
    reads: Admission,
    /// Who has a batch under way.
    batches: Admission,
    metrics: Metrics,
    health: health::Health,
    /// The supervisor's own thread: it must answer while every provider is busy.
    _arbiter: Arbiter,
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
    pub fn start(
        settings: CustodySettings,
        registry: Arc<dyn KeyRegistry>,
        verifier_for: VerifierFactory,
        providers: Vec<ProviderSpec>,
        metrics: &mut Registry,
    ) -> Self {
        let names: Vec<_> = providers.iter().map(|spec| spec.name).collect();
        let metrics = Metrics::register(metrics, &names);
        let settings = Arc::new(settings);
        let routes = Arc::new(Routes::new(&names, &settings, metrics.clone()));
        let shared = Shared {
            registry: Arc::clone(&registry),
            routes: Arc::clone(&routes),
            settings: Arc::clone(&settings),
            verifier_for,
            metrics: metrics.clone(),
        };
        let arbiter = Arbiter::new();
        let build = move |_: &mut Context<SupervisorActor>| SupervisorActor::new(providers, shared);
        let supervisor = SupervisorActor::start_in_arbiter(&arbiter.handle(), build);
        Self {
            reads: Admission::new(settings.max_in_flight),
            batches: Admission::new(settings.max_in_flight),
            health: health::Health::default(),
            settings,
            registry,
            routes,
            supervisor,
            metrics,
            _arbiter: arbiter,
        }
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
        let found = tokio::time::timeout(deadline.remaining(), self.registry.find(handle)).await;
        let found = found.map_err(|_elapsed| CustodyError::DeadlineExceeded)?;
        let fresh = found
            .map_err(from_registry)?
            .ok_or(CustodyError::KeyNotFound)?;
        Ok(fresh.key)
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

fn shown(key: SigningKey) -> ShownKey {
    ShownKey {
        key,
        presence: Presence::Assumed,
    }
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
        let name = provider.or_else(|| self.routes.providers.first());
        let name = name.ok_or(CustodyError::KeyNotFound)?;
        let _seat = self.routes.enter_work(name)?;
        let addr = self
            .routes
            .providers
            .address(name)
            .ok_or_else(provider_down)?;
        let outcome = addr.send(Generate {
            scope,
            key_id,
            deadline,
        });
        self.answer_of_provider(outcome, deadline).await
    }

    async fn sign(
        &self,
        request: SignRequest,
        deadline: Deadline,
    ) -> Result<SignedDigest, CustodyError> {
        let turn = self
            .turn_for(&request.target, Line::Single, deadline)
            .await?;
        turn.sign(&request.digest, deadline).await
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
        Ok(shown(self.registered(&handle, deadline).await?))
    }

    async fn keys(&self, query: KeyQuery, deadline: Deadline) -> Result<ShownKeys, CustodyError> {
        let _seat = self.admit(&self.reads)?;
        let page = tokio::time::timeout(deadline.remaining(), self.registry.list(&query)).await;
        let page = page
            .map_err(|_elapsed| CustodyError::DeadlineExceeded)?
            .map_err(from_registry)?;
        Ok(ShownKeys {
            keys: page.keys.into_iter().map(shown).collect(),
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
        self.ask_key(
            &handle,
            Line::Control,
            |seats| Retire { deadline, seats },
            deadline,
        )
        .await?
    }

    async fn liveness(&self) -> Option<Liveness> {
        self.health.liveness(&self.supervisor).await
    }

    async fn readiness(&self) -> Readiness {
        self.health
            .readiness(self.registry.as_ref(), &self.routes)
            .await
    }
}
