//! The software provider, which every binary holds.

use std::sync::Arc;

use async_trait::async_trait;
use signer_domain::ports::{KeyProvider, KeyProviderError};
use signer_module::{BoxFuture, Face, Prepared, ProviderModule, Refusal, Settings};

use crate::face::{FACE, SEED_FILE};
use crate::{OpenSoftwareError, SoftwareProvider};

/// The provider as a module.
pub const MODULE: &dyn ProviderModule = &Module;

/// The software provider.
#[derive(Debug)]
struct Module;

#[async_trait]
impl ProviderModule for Module {
    fn face(&self) -> &'static Face {
        &FACE
    }

    /// Opens the provider once and for all: what it remembers of retired keys outlives the actor that
    /// owns it.
    async fn prepare(&self, settings: &Settings) -> Result<Arc<dyn Prepared>, Refusal> {
        let file = settings.required_path(&SEED_FILE)?;
        match SoftwareProvider::open(&file.value) {
            Ok(provider) => Ok(Arc::new(Opened(Arc::new(provider)))),
            Err(OpenSoftwareError::SeedFile(refusal)) => Err(file.source.explain(refusal)),
            Err(OpenSoftwareError::SelfTest(failure)) => Err(Refusal::general(failure)),
        }
    }
}

#[derive(Debug)]
struct Opened(Arc<SoftwareProvider>);

#[async_trait]
impl Prepared for Opened {
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn KeyProvider>, KeyProviderError>> {
        let provider: Arc<dyn KeyProvider> = Arc::<SoftwareProvider>::clone(&self.0);
        Box::pin(async move { Ok(provider) })
    }
}
