//! A custody over the double and a registry in memory-backed files, with calls that take their time.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use signer_actors::{ActorCustody, CustodySettings, DrivenPorts, ProviderSpec};
use signer_domain::ports::{
    AuditEntry, AuditStatus, AuditTrail, AuditUnavailable, Custody as _, KeyProvider,
    ProviderStatus,
};
use signer_domain::{DeploymentProfile, ProviderName};
use signer_kit::crash::{Blow, CrashPoints, Crashing, PortCall};
use signer_kit::testdouble::TestDouble;
use signer_registry::{RegistryUrl, SqliteRegistry};
use signer_test_support::Random;
use signer_verify::verifier_for;
use tempfile::TempDir;

/// How the calls of the driven ports behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// They take their time, so that calls of clients meet in every way.
    Slow,
    /// Some fail too, before or after they took effect.
    Stormy,
}

pub(crate) struct House {
    pub(crate) custody: Arc<ActorCustody>,
    _directory: TempDir,
}

impl House {
    pub(crate) async fn open(points: CrashPoints) -> Self {
        let directory = fast_directory();
        let url = format!("sqlite:{}", directory.path().join("registry.db").display());
        let url = RegistryUrl::parse(&url).unwrap();
        let sqlite = Arc::new(SqliteRegistry::open(&url).await.unwrap());
        let registry = Arc::new(Crashing::new(sqlite, points.clone()));
        let ports = DrivenPorts {
            registry,
            audit: Arc::new(NoTrail),
            verifier_for,
        };
        let double: Arc<dyn KeyProvider> =
            Arc::new(Crashing::new(Arc::new(TestDouble::new()), points));
        let provider = ProviderSpec {
            name: ProviderName::new("testdouble"),
            is_dev_only: true,
            factory: Arc::new(move || {
                let double = Arc::clone(&double);
                Box::pin(async move { Ok(double) })
            }),
        };
        let settings = CustodySettings::new(DeploymentProfile::SelfhostedSingle);
        let mut metrics = Registry::default();
        let custody = ActorCustody::start(settings, ports, vec![provider], &mut metrics).unwrap();
        let house = Self {
            custody: Arc::new(custody),
            _directory: directory,
        };
        house.wait_until_ready().await;
        house
    }

    async fn wait_until_ready(&self) {
        for _ in 0..2000 {
            let providers = self.custody.readiness().await.providers;
            if providers
                .iter()
                .all(|(_, status)| *status == ProviderStatus::Ready)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the custody was never ready");
    }
}

/// Memory if there is such a file system: what these tests look at does not depend on the disk.
fn fast_directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        TempDir::new_in(memory).unwrap()
    } else {
        TempDir::new().unwrap()
    }
}

/// Lets most calls pass and makes some wait; in a storm a few fail.
pub(crate) fn points(weather: Weather, seed: u64) -> CrashPoints {
    let count = AtomicU64::new(0);
    CrashPoints::decided_by(move |point| {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let mut random = Random::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let may_fail = !matches!(
            point.call,
            PortCall::CheckProvider | PortCall::CheckRegistry | PortCall::LeaseHolds
        );
        match random.below(100) {
            0..40 => Blow::None,
            40..60 => Blow::Delay(Duration::ZERO),
            60..95 => Blow::Delay(Duration::from_micros(random.below(1500))),
            _ if weather == Weather::Stormy && may_fail => Blow::Fail,
            _ => Blow::Delay(Duration::from_millis(4)),
        }
    })
}

/// A trail that is not looked at.
#[derive(Debug)]
struct NoTrail;

#[async_trait]
impl AuditTrail for NoTrail {
    async fn record(&self, _: AuditEntry) -> Result<(), AuditUnavailable> {
        Ok(())
    }

    fn note(&self, _: AuditEntry) {}

    fn status(&self) -> AuditStatus {
        AuditStatus::Off
    }
}
