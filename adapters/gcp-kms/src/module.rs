//! From the settings to a provider on a key ring.

use std::sync::Arc;

use async_trait::async_trait;
use signer_cloud::{CloudLimits, install_tls};
use signer_domain::ports::{KeyProvider, KeyProviderError};
use signer_module::{BoxFuture, Face, Prepared, ProviderModule, Refusal, Settings};

use crate::face::{
    ENDPOINT_URL, FACE, KEY_PREFIX, KEY_RING, MAX_IN_FLIGHT, PROTECTION_LEVEL, REQUESTS_PER_SECOND,
};
use crate::sdk::{GcpEndpoint, GcpKmsProvider, GcpSettings};

/// The provider as a module.
pub const MODULE: &dyn ProviderModule = &Module;

/// The provider of Google Cloud KMS.
#[derive(Debug)]
struct Module;

#[async_trait]
impl ProviderModule for Module {
    fn face(&self) -> &'static Face {
        &FACE
    }

    async fn prepare(&self, settings: &Settings) -> Result<Arc<dyn Prepared>, Refusal> {
        install_tls();
        Ok(Arc::new(KeyRing(GcpSettings {
            key_ring: settings.required(&KEY_RING)?,
            key_prefix: settings.optional(&KEY_PREFIX)?.unwrap_or_default(),
            protection_level: settings.required(&PROTECTION_LEVEL)?,
            endpoint: settings
                .optional(&ENDPOINT_URL)?
                .unwrap_or_else(GcpEndpoint::of_google),
            limits: CloudLimits::read(settings, &MAX_IN_FLIGHT, &REQUESTS_PER_SECOND)?,
        })))
    }
}

/// A key ring. It is reached for by its first call: a service that is not there may come yet.
#[derive(Debug)]
struct KeyRing(GcpSettings);

#[async_trait]
impl Prepared for KeyRing {
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn KeyProvider>, KeyProviderError>> {
        let provider: Arc<dyn KeyProvider> = Arc::new(GcpKmsProvider::new(self.0.clone()));
        Box::pin(async move { Ok(provider) })
    }
}
