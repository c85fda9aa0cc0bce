//! The scripted double as a provider of the program.

use std::sync::Arc;

use async_trait::async_trait;
use signer_domain::ProviderName;
use signer_domain::ports::{KeyProvider, KeyProviderError};
use signer_module::{BoxFuture, Face, Prepared, ProviderModule, Refusal, Settings};

use super::TestDouble;

/// The double as the program shows it.
pub static FACE: Face = Face {
    dev_only: Some("a test makes it do what it likes"),
    ..Face::bare(ProviderName::new("testdouble"))
};

/// The double as a module.
pub const MODULE: &dyn ProviderModule = &Module;

#[derive(Debug)]
struct Module;

#[async_trait]
impl ProviderModule for Module {
    fn face(&self) -> &'static Face {
        &FACE
    }

    async fn prepare(&self, _settings: &Settings) -> Result<Arc<dyn Prepared>, Refusal> {
        Ok(Arc::new(PreparedDouble(TestDouble::new())))
    }
}

/// One double for the life of the process.
#[derive(Debug)]
struct PreparedDouble(TestDouble);

#[async_trait]
impl Prepared for PreparedDouble {
    fn open(&self) -> BoxFuture<'static, Result<Arc<dyn KeyProvider>, KeyProviderError>> {
        let provider: Arc<dyn KeyProvider> = Arc::new(self.0.clone());
        Box::pin(async move { Ok(provider) })
    }
}
