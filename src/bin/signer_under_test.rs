//! The command as the process tests run it: `--key-provider testdouble` is accepted too.
//!
//! `SIGNER_UNDER_TEST_CRASH` names the crash points at which the process dies;
//! `SIGNER_UNDER_TEST_KEYS` names the file in which the providers remember which keys they hold.

use std::env;
use std::process::ExitCode;
use std::sync::Arc;

use async_trait::async_trait;
use plexsphere_signer::{PROVIDERS, arm_crash_points, remember_keys_in, run};
use signer_domain::ProviderName;
use signer_domain::ports::{KeyProvider, KeyProviderError};
use signer_kit::testdouble::TestDouble;
use signer_module::{BoxFuture, Face, Prepared, ProviderModule, Refusal, Settings};

fn main() -> ExitCode {
    if let Some(file) = env::var_os("SIGNER_UNDER_TEST_KEYS") {
        remember_keys_in(file.into());
    }
    let armed = match env::var("SIGNER_UNDER_TEST_CRASH") {
        Ok(text) => arm_crash_points(&text),
        Err(_unset) => Ok(()),
    };
    let mut providers = PROVIDERS.to_vec();
    providers.push(&Double);
    match armed {
        Ok(()) => run(env::args_os(), &providers),
        Err(_unclear) => ExitCode::from(64),
    }
}

static FACE: Face = Face::bare(ProviderName::Testdouble);

/// The scripted double as a provider of the program.
struct Double;

#[async_trait]
impl ProviderModule for Double {
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
