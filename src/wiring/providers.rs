//! From the configuration to providers that actors can open.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use prometheus_client::registry::Registry as Metrics;
use signer_actors::ProviderSpec;
use signer_adapters::providers::install_tls;
use signer_adapters::providers::software::{OpenSoftwareError, SoftwareProvider, create_seed_file};
use signer_domain::ProviderName;
use signer_domain::ports::{KeyProvider, KeyProviderError};
#[cfg(feature = "_testdouble")]
use signer_kit::testdouble::TestDouble;
use tracing::subscriber::{NoSubscriber, with_default};

use super::OpenRegistry;
use super::aws::AwsKms;
use super::azure;
#[cfg(feature = "_testdouble")]
use super::crash;
use super::gcp;
use super::pkcs11::OpenToken;
use crate::config::{Config, Setting};
use crate::failure::Failure;

/// Makes the development seed, unless it is there from last time.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn provide_development_seed(file: &Path) -> Result<(), Failure> {
    if file.symlink_metadata().is_ok() {
        return Ok(());
    }
    create_seed_file(file).map_err(Failure::general)
}

/// Providers that are opened or judged once for the life of the process, because they hold what must
/// not be opened twice, or cannot tell later that their settings are wrong.
#[derive(Debug, Default)]
pub(crate) struct OpenProviders {
    token: Option<OpenToken>,
    aws: Option<AwsKms>,
}

impl OpenProviders {
    /// Tells them what they have to know of the registry.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn learn_from(&self, registry: &OpenRegistry) -> Result<(), Failure> {
        match &self.token {
            Some(token) => token.learn_from(registry).await,
            None => Ok(()),
        }
    }

    /// Adds their metrics.
    pub(crate) fn register(&self, metrics: &mut Metrics) {
        if let Some(token) = &self.token {
            token.register(metrics);
        }
    }

    /// Ends when one of them is stuck in a way that nothing but a new process can help.
    pub(crate) async fn stuck(&self) {
        match &self.token {
            Some(token) => token.stuck().await,
            None => std::future::pending().await,
        }
    }

    /// Closes them at the end of the process, and hands its outcome on.
    ///
    /// # Errors
    /// Those of `outcome`.
    pub(crate) fn close(self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        match self.token {
            Some(token) => token.close(outcome),
            None => outcome,
        }
    }
}

/// Tells a provider that is misconfigured before anything is created.
///
/// The software provider is opened for that and closed again, unheard: the one that serves writes its
/// warning, once.
///
/// # Errors
/// When a provider cannot be opened.
pub(crate) async fn check_providers(config: &Config) -> Result<OpenProviders, Failure> {
    install_tls();
    let names = &config.providers.value;
    if names.contains(&ProviderName::Software) {
        with_default(NoSubscriber::new(), || {
            open_software(config.software_seed_file.as_ref())
        })?;
    }
    if names.contains(&ProviderName::GcpKms) {
        gcp::spec(&config.gcp)?;
    }
    if names.contains(&ProviderName::AzureKv) {
        azure::check(&config.azure).await?;
    }
    let aws = if names.contains(&ProviderName::AwsKms) {
        Some(AwsKms::prepare(&config.aws).await?)
    } else {
        None
    };
    // Last of all: nothing may be refused behind it, for a token has to be closed in order.
    let token = if names.contains(&ProviderName::Pkcs11) {
        Some(OpenToken::open(&config.pkcs11).await?)
    } else {
        None
    };
    Ok(OpenProviders { token, aws })
}

/// Makes the providers ready to be opened, in the order of the configuration.
///
/// # Errors
/// When a provider cannot be opened.
pub(crate) fn providers(
    config: &Config,
    opened: &OpenProviders,
) -> Result<Vec<ProviderSpec>, Failure> {
    let names = config.providers.value.iter();
    names.map(|name| provider(*name, config, opened)).collect()
}

fn provider(
    name: ProviderName,
    config: &Config,
    opened: &OpenProviders,
) -> Result<ProviderSpec, Failure> {
    match name {
        ProviderName::Software => open_software(config.software_seed_file.as_ref()),
        #[cfg(feature = "_testdouble")]
        ProviderName::Testdouble => Ok(always(name, Arc::new(TestDouble::new()))),
        ProviderName::Pkcs11 => match &opened.token {
            Some(token) => Ok(token.spec()),
            None => Err(Failure::general("the PKCS#11 token was not opened")),
        },
        ProviderName::AwsKms => match &opened.aws {
            Some(aws) => Ok(aws.spec()),
            None => Err(Failure::general("AWS KMS was not prepared")),
        },
        ProviderName::GcpKms => gcp::spec(&config.gcp),
        ProviderName::AzureKv => azure::spec(&config.azure),
    }
}

/// Opens the software provider once and for all: what it remembers of retired keys outlives the
/// actor that owns it, and its warning is written once.
fn open_software(seed_file: Option<&Setting<PathBuf>>) -> Result<ProviderSpec, Failure> {
    let seed_file = seed_file.ok_or_else(|| {
        Failure::usage("--software-seed-file is required with the software provider")
    })?;
    match SoftwareProvider::open(&seed_file.value) {
        Ok(provider) => Ok(always(ProviderName::Software, Arc::new(provider))),
        Err(OpenSoftwareError::SeedFile(refusal)) => Err(seed_file.source.explain(refusal)),
        Err(OpenSoftwareError::SelfTest(failure)) => Err(Failure::general(failure)),
    }
}

/// A provider on its way.
pub(super) type Opening = BoxFuture<'static, Result<Arc<dyn KeyProvider>, KeyProviderError>>;

/// A provider that is there already.
pub(super) fn always(name: ProviderName, provider: Arc<dyn KeyProvider>) -> ProviderSpec {
    #[cfg(feature = "_testdouble")]
    let provider = crash::around_provider(provider);
    let factory = move || -> Opening {
        let provider = Arc::clone(&provider);
        Box::pin(async move { Ok(provider) })
    };
    ProviderSpec {
        name,
        factory: Arc::new(factory),
    }
}

/// A provider that is opened anew each time its actor is: its connections belong to the thread that
/// opens it, and end with that thread.
#[cfg(any(feature = "aws-kms", feature = "gcp-kms", feature = "azure-kv"))]
pub(super) fn built_anew(
    name: ProviderName,
    open: impl Fn() -> Opening + Send + Sync + 'static,
) -> ProviderSpec {
    let factory = move || -> Opening {
        let opening = open();
        Box::pin(async move {
            let provider = opening.await?;
            #[cfg(feature = "_testdouble")]
            let provider = crash::around_provider(provider);
            Ok(provider)
        })
    };
    ProviderSpec {
        name,
        factory: Arc::new(factory),
    }
}
