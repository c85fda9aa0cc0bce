//! A custody over the double and a registry in memory.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix_rt::System;
use prometheus_client::registry::Registry;
use signer_actors::{ActorCustody, CustodySettings, DrivenPorts, ProviderFactory, ProviderSpec};
use signer_domain::ports::{
    CloseRotation, Custody as _, CustodyError, GenerateKey, GeneratedOrStanding, KeyProvider,
    KeyProviderError, OpenRotation, OpenedOrStanding, ProviderStatus, Purpose, ReleaseHold,
    Rotations as _, SignRequest, SignTarget, SignedDigest, VerifierFactory, WantedKey,
};
use signer_domain::registry::Engine;
use signer_domain::{
    Deadline, DeploymentProfile, Digest, HandleId, KeyId, ProviderName, RotationTransition, Scope,
    SigningKey, clock,
};
use signer_kit::crash::{Crashing, Hold};
use signer_kit::registry::MemoryRegistry;
use signer_kit::testdouble::{Call, Failure, Operation, TestDouble};
use signer_software::{SoftwareProvider, create_seed_file};
use signer_verify::verifier_for;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::forgetful::Lapses;
use crate::notes::Notes;

/// The name of the double.
pub(crate) const DOUBLE: ProviderName = ProviderName::new("testdouble");

/// Everything a test of the actors needs. The double outlives restarts of its provider actor, as a
/// real back end does.
pub(crate) struct House<R = MemoryRegistry> {
    pub(crate) custody: Arc<ActorCustody>,
    pub(crate) double: TestDouble,
    pub(crate) registry: Arc<R>,
    pub(crate) metrics: Registry,
    pub(crate) notes: Arc<Notes>,
    /// How often the provider was built.
    pub(crate) built: Arc<AtomicUsize>,
    /// Whether the provider can be built.
    is_down: Arc<AtomicBool>,
    building: Arc<Hold>,
    lapses: Arc<Lapses>,
    /// None when another house keeps it.
    _directory: Option<TempDir>,
}

/// How a house differs from the usual one.
pub(crate) struct Plan {
    pub(crate) settings: CustodySettings,
    pub(crate) double: TestDouble,
    /// A second provider.
    pub(crate) neighbour: Option<ProviderSpec>,
    /// What the process records of its own acts.
    pub(crate) notes: Arc<Notes>,
    /// What makes the verifiers of keys.
    pub(crate) verifier_for: VerifierFactory,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            settings: settings(),
            double: TestDouble::new(),
            neighbour: None,
            notes: Arc::default(),
            verifier_for,
        }
    }
}

/// The usual settings, but that providers are checked often: some tests have such a check kill one.
pub(crate) fn settings() -> CustodySettings {
    CustodySettings {
        check_interval: Duration::from_millis(50),
        ..CustodySettings::new(DeploymentProfile::SelfhostedSingle)
    }
}

/// A name in the platform scope that is wanted of the double.
pub(crate) fn wanted(key_id: &KeyId, purpose: Purpose) -> WantedKey {
    WantedKey {
        scope: Scope::Platform,
        key_id: key_id.clone(),
        provider: DOUBLE,
        purpose,
        at: clock::now(),
    }
}

/// What was signed, once it has left: no retirement waits for it any more.
pub(crate) fn released(
    signed: Result<SignedDigest, CustodyError>,
) -> Result<SignedDigest, CustodyError> {
    signed.map(|signed| SignedDigest {
        hold: ReleaseHold::default(),
        ..signed
    })
}

impl House {
    /// Starts the actors and waits until the provider is ready.
    pub(crate) async fn open(plan: Plan) -> Self {
        Self::open_over(plan, Arc::default(), None).await
    }

    /// Starts the actors over the double and the software provider, and makes a key with the latter.
    pub(crate) async fn open_with_neighbour(settings: CustodySettings) -> (Self, SigningKey) {
        let directory = TempDir::new().unwrap();
        let seed_file = directory.path().join("seed.bin");
        create_seed_file(&seed_file).unwrap();
        let software: Arc<dyn KeyProvider> = Arc::new(SoftwareProvider::open(&seed_file).unwrap());
        let factory: ProviderFactory = Arc::new(move || {
            let provider = Arc::clone(&software);
            Box::pin(async move { Ok(provider) })
        });
        let name = ProviderName::new("software");
        let neighbour = Some(ProviderSpec {
            name,
            is_dev_only: false,
            factory,
        });
        let plan = Plan {
            settings,
            neighbour,
            ..Plan::default()
        };
        let house = Self::open(plan).await;
        let request = GenerateKey {
            scope: Scope::Platform,
            key_id: KeyId::parse("neighbour").unwrap(),
            provider: Some(name),
        };
        match house.custody.generate(request, soon()).await.unwrap() {
            GeneratedOrStanding::Generated(key) | GeneratedOrStanding::Standing(key) => {
                (house, key)
            }
        }
    }

    /// Starts the actors over a provider that cannot be built.
    pub(crate) async fn open_down() -> Self {
        let house = Self::open(Plan::default()).await;
        let spec = ProviderSpec {
            name: DOUBLE,
            is_dev_only: true,
            factory: factory(
                house.double.clone(),
                Arc::clone(&house.built),
                Arc::new(AtomicBool::new(true)),
                Arc::default(),
            ),
        };
        let ports = DrivenPorts {
            registry: Arc::<MemoryRegistry>::clone(&house.registry),
            audit: Arc::<Notes>::clone(&house.notes),
            verifier_for,
        };
        let settings = CustodySettings::new(DeploymentProfile::SelfhostedSingle);
        let mut metrics = Registry::default();
        let custody = ActorCustody::start(settings, ports, vec![spec], &mut metrics);
        Self {
            custody: Arc::new(custody.unwrap()),
            metrics,
            ..house
        }
    }
}

impl<R: Engine + 'static> House<R> {
    pub(crate) async fn open_over(
        plan: Plan,
        registry: Arc<R>,
        directory: Option<TempDir>,
    ) -> Self {
        let built = Arc::new(AtomicUsize::new(0));
        let is_down = Arc::new(AtomicBool::new(false));
        let building = Arc::<Hold>::default();
        let mut specs = vec![ProviderSpec {
            name: DOUBLE,
            is_dev_only: true,
            factory: factory(
                plan.double.clone(),
                Arc::clone(&built),
                Arc::clone(&is_down),
                Arc::clone(&building),
            ),
        }];
        specs.extend(plan.neighbour);
        let lapses = Arc::<Lapses>::default();
        let forgetful = Crashing::new(Arc::clone(&registry), lapses.points());
        let ports = DrivenPorts {
            registry: Arc::new(forgetful),
            audit: Arc::<Notes>::clone(&plan.notes),
            verifier_for: plan.verifier_for,
        };
        let mut metrics = Registry::default();
        let custody = ActorCustody::start(plan.settings, ports, specs, &mut metrics).unwrap();
        let custody = Arc::new(custody);
        let house = Self {
            custody,
            double: plan.double,
            registry,
            metrics,
            notes: plan.notes,
            built,
            is_down,
            building,
            lapses,
            _directory: directory,
        };
        house.wait_until_ready().await;
        house
    }

    /// Makes the registry take the next retirements without answering.
    pub(crate) fn forget_retirements(&self, count: usize) {
        self.lapses.losses.store(count, Ordering::SeqCst);
    }

    /// Makes the registry refuse the next retirements and blocks.
    pub(crate) fn refuse_retirements(&self, count: usize) {
        self.lapses.refusals.store(count, Ordering::SeqCst);
    }

    /// Ends what the registry lets this process rely on, or begins it anew.
    pub(crate) fn lose_registry(&self, is_lost: bool) {
        self.lapses.is_lost.store(is_lost, Ordering::SeqCst);
    }

    /// Holds the registry's next answer to `find` back. The first channel tells when it was read; the
    /// second one lets it go.
    pub(crate) fn hold_next_record(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        self.lapses.record.next()
    }

    /// Holds the next reservation back that is to be abandoned.
    pub(crate) fn hold_next_abandonment(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        self.lapses.abandonment.next()
    }

    /// Holds the provider back that is built next.
    pub(crate) fn hold_next_building(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        self.building.next()
    }

    /// Another start over the same registry and the same back end.
    pub(crate) async fn restarted(&self) -> Self {
        let plan = Plan {
            double: self.double.clone(),
            ..Plan::default()
        };
        Self::open_over(plan, Arc::clone(&self.registry), None).await
    }

    /// Kills the actor of the double: its next check panics.
    pub(crate) async fn crash_provider(&self) {
        self.double
            .inject_failures(Operation::Check, Failure::Panic, 1);
        eventually(|| async { !self.double.is_due(Operation::Check) }).await;
    }

    /// Kills the actor of a key: the record of what it is about to do panics.
    pub(crate) async fn crash_key(&self, key: &SigningKey) {
        let died = self.notes.panic_at_next();
        let (custody, handle) = (Arc::clone(&self.custody), key.handle_id.clone());
        let asked = actix_rt::spawn(async move { custody.unblock(handle, soon()).await });
        in_time(died).await.unwrap_err();
        // Who asked would ask the next actor of the key.
        asked.abort();
    }

    /// Takes the provider away until it is brought back.
    pub(crate) async fn take_provider_down(&self) {
        self.is_down.store(true, Ordering::SeqCst);
        self.crash_provider().await;
        let is_down = || async { !self.custody.readiness().await.is_ready() };
        eventually(is_down).await;
    }

    pub(crate) async fn bring_provider_back(&self) {
        self.is_down.store(false, Ordering::SeqCst);
        self.wait_until_ready().await;
    }

    /// Opens a rotation of the platform scope.
    pub(crate) async fn open_rotation(
        &self,
        new_key_id: &str,
    ) -> Result<OpenedOrStanding, CustodyError> {
        let request = OpenRotation {
            scope: Scope::Platform,
            new_key_id: KeyId::parse(new_key_id).unwrap(),
            provider: None,
        };
        self.custody.open_rotation(request, soon()).await
    }

    /// Opens a rotation that is expected to be new, and gives its new key.
    pub(crate) async fn rotate_to(&self, new_key_id: &str) -> SigningKey {
        let opened = self.open_rotation(new_key_id).await.unwrap();
        let is_new = matches!(opened, OpenedOrStanding::Opened(_));
        assert!(is_new, "the rotation was to be new: {opened:?}");
        let (OpenedOrStanding::Opened(rotation) | OpenedOrStanding::Standing(rotation)) = opened;
        self.record(&rotation.new_handle_id).await
    }

    pub(crate) async fn close_rotation(
        &self,
        old_key_id: &str,
        new_key_id: &str,
    ) -> Result<RotationTransition, CustodyError> {
        let request = CloseRotation {
            scope: Scope::Platform,
            old_key_id: KeyId::parse(old_key_id).unwrap(),
            new_key_id: KeyId::parse(new_key_id).unwrap(),
        };
        self.custody.close_rotation(request, soon()).await
    }

    /// Signs by the current key of the platform scope.
    pub(crate) async fn sign_for_scope(&self) -> Result<SignedDigest, CustodyError> {
        let request = SignRequest {
            target: SignTarget::Scope(Scope::Platform),
            digest: digest(),
        };
        released(self.custody.sign(request, soon()).await)
    }

    /// What the registry says of a key.
    pub(crate) async fn record(&self, handle: &HandleId) -> SigningKey {
        self.registry.find(handle).await.unwrap().unwrap()
    }

    pub(crate) async fn wait_until_ready(&self) {
        let is_ready = || async {
            let providers = self.custody.readiness().await.providers;
            providers
                .iter()
                .all(|(_, status)| *status == ProviderStatus::Ready)
        };
        eventually(is_ready).await;
    }

    /// Makes a key in the platform scope.
    pub(crate) async fn key(&self, key_id: &str) -> SigningKey {
        match self.generate(key_id).await.unwrap() {
            GeneratedOrStanding::Generated(key) | GeneratedOrStanding::Standing(key) => key,
        }
    }

    pub(crate) async fn generate(&self, key_id: &str) -> Result<GeneratedOrStanding, CustodyError> {
        let key_id = KeyId::parse(key_id).unwrap();
        let request = GenerateKey {
            scope: Scope::Platform,
            key_id,
            provider: None,
        };
        self.custody.generate(request, soon()).await
    }

    pub(crate) async fn sign(&self, key: &SigningKey) -> Result<SignedDigest, CustodyError> {
        self.sign_by(&key.handle_id, soon()).await
    }

    pub(crate) async fn sign_by(
        &self,
        handle: &HandleId,
        deadline: Deadline,
    ) -> Result<SignedDigest, CustodyError> {
        let request = SignRequest {
            target: SignTarget::Handle(handle.clone()),
            digest: digest(),
        };
        released(self.custody.sign(request, deadline).await)
    }

    /// Starts a sign that goes on by itself.
    pub(crate) fn start_sign(
        &self,
        key: &SigningKey,
    ) -> actix_rt::task::JoinHandle<Result<SignedDigest, CustodyError>> {
        let custody = Arc::clone(&self.custody);
        let target = SignTarget::Handle(key.handle_id.clone());
        let request = SignRequest {
            target,
            digest: digest(),
        };
        actix_rt::spawn(async move { released(custody.sign(request, soon()).await) })
    }

    pub(crate) async fn retire(&self, key: &SigningKey) -> Result<SigningKey, CustodyError> {
        self.custody.retire(key.handle_id.clone(), soon()).await
    }

    /// How often the provider was asked to retire this key.
    pub(crate) fn retires_asked(&self, handle: &HandleId) -> usize {
        let is_retire =
            |call: &&Call| matches!(call, Call::Retire { handle_id } if handle_id == handle);
        self.double.calls().iter().filter(is_retire).count()
    }

    /// How often the provider was asked to sign with this key.
    pub(crate) fn signs_asked(&self, key: &SigningKey) -> usize {
        let is_sign = |call: &Call| matches!(call, Call::Sign { handle_id, .. } if *handle_id == key.handle_id);
        self.double
            .calls()
            .iter()
            .filter(|call| is_sign(call))
            .count()
    }

    pub(crate) fn times_built(&self) -> usize {
        self.built.load(Ordering::SeqCst)
    }

    /// The value of a metric without labels, or of its first line.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.metrics).unwrap();
        let full = format!("plexsphere_signer_{name}");
        let line = text.lines().find(|line| line.starts_with(&full)).unwrap();
        line.rsplit(' ')
            .next()
            .and_then(|value| value.parse().ok())
            .unwrap()
    }
}

fn factory(
    double: TestDouble,
    built: Arc<AtomicUsize>,
    is_down: Arc<AtomicBool>,
    building: Arc<Hold>,
) -> ProviderFactory {
    Arc::new(move || {
        built.fetch_add(1, Ordering::SeqCst);
        let provider: Arc<dyn KeyProvider> = Arc::new(double.clone());
        let built = if is_down.load(Ordering::SeqCst) {
            Err(KeyProviderError::Misconfigured {
                context: "being away, as the test asked",
                source: None,
            })
        } else {
            Ok(provider)
        };
        let building = Arc::clone(&building);
        Box::pin(async move {
            building.pass().await;
            built
        })
    })
}

/// Runs a test inside an actix system.
pub(crate) fn run(test: impl Future<Output = ()>) {
    System::new().block_on(test);
}

pub(crate) fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

pub(crate) fn digest() -> Digest {
    Digest::from_bytes([0x5a; 64])
}

/// Whether the signature verifies under the key it names.
pub(crate) fn is_good(signed: &SignedDigest, key: &SigningKey) -> bool {
    let verifier = verifier_for(&key.public_key).unwrap();
    signed.handle_id == key.handle_id && verifier.accepts(&digest(), &signed.signature)
}

/// Waits for something that has to come; the patience only bounds a failure.
pub(crate) async fn in_time<T>(something: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(10);
    actix_rt::time::timeout(patience, something).await.unwrap()
}

/// Waits until something holds; the patience only bounds a failure.
pub(crate) async fn eventually<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    for _ in 0..1000 {
        if holds().await {
            return;
        }
        actix_rt::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(holds().await, "what the test waits for never came");
}
