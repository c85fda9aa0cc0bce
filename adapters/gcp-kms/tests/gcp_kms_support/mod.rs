//! A fake of Google Cloud KMS, and providers on it.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use signer_cloud::CloudLimits;
use signer_cloud_fakes::{FakeServer, GcpKms};
use signer_domain::{HandleId, ProviderName};
use signer_gcp_kms::{GcpKeyPrefix, GcpProtectionLevel, GcpSettings};

pub(crate) const KEY_RING: &str = "projects/test-project/locations/europe-west3/keyRings/signer";

/// A service with one empty key ring.
pub(crate) struct Fake {
    pub(crate) service: Arc<GcpKms>,
    pub(crate) server: FakeServer,
}

impl Fake {
    pub(crate) fn start() -> Self {
        let service = Arc::new(GcpKms::new(KEY_RING));
        let server = FakeServer::start(Arc::<GcpKms>::clone(&service));
        Self { service, server }
    }

    pub(crate) fn settings(&self) -> GcpSettings {
        GcpSettings {
            key_ring: KEY_RING.parse().unwrap(),
            key_prefix: GcpKeyPrefix::default(),
            protection_level: GcpProtectionLevel::Software,
            endpoint: self.server.url().parse().unwrap(),
            limits: CloudLimits {
                max_in_flight: NonZeroUsize::new(64).unwrap(),
                per_second: NonZeroU32::new(10_000).unwrap(),
            },
        }
    }
}

pub(crate) fn absent_handle() -> HandleId {
    let rest = format!("{KEY_RING}/cryptoKeys/k-never/cryptoKeyVersions/1");
    HandleId::from_parts(ProviderName::new("gcp-kms"), rest).unwrap()
}
