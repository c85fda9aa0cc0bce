//! Joins adapters to ports. The only place that names an adapter.

mod around;
mod audit;
mod only_one;
mod providers;

pub use self::around::Around;
pub(crate) use self::around::Nothing;
pub(crate) use self::audit::{AuditPlace, OpenAudit, accept_cut, accept_registry};
pub(crate) use self::providers::{OpenProviders, leave, provide_development_seed};
/// The offline half of the audit log: what `audit` reads and checks.
pub(crate) use signer_audit as audit_log;
/// The commands around a PKCS#11 token.
pub(crate) use signer_pkcs11::commands as token;
pub(crate) use signer_registry::RegistryUrl;

use std::sync::Arc;

use signer_domain::ports::{KeyRegistry, KeyRegistryError, RegistryStore as _, VerifierFactory};
use signer_registry::{OpenRegistryError, RetiredKey, SqliteRegistry, retired_keys};

use crate::catalogue::{Catalogue, TOKEN};
use crate::config::{Config, Installation, Setting, Source};
use crate::failure::Failure;
use crate::place::{directory_of, is_writable};
use crate::places;

/// Checks signatures, in `serve` and in `verify` alike.
pub(crate) const VERIFIER: VerifierFactory = signer_verify::verifier_for;

/// Refuses a provider that this binary does not hold, or one without a setting that it needs. Another one
/// is never put in its place.
///
/// # Errors
/// With the sentence that names the cure.
pub(crate) fn check_support(config: &Config, providers: &Catalogue) -> Result<(), Failure> {
    let Setting { value, source } = &config.providers;
    for provider in value {
        let Some(module) = providers.iter().find(|it| it.face().name == *provider) else {
            let refusal = source.refuse(provider, "is not a provider of this binary");
            return Err(refusal.into());
        };
        module
            .support()
            .map_err(|refusal| source.explain(refusal))?;
    }
    for settings in &config.settings {
        settings.require_all()?;
    }
    Ok(())
}

/// Refuses settings that lead to one file. The development set-up brings files that differ.
///
/// # Errors
/// With the sentence that names both settings and the file.
pub(crate) fn check_places(config: &Config, registry: &RegistryPlace) -> Result<(), Failure> {
    let audit_log = audit::path_of(config, registry);
    match config.installation {
        Installation::Development => Ok(()),
        Installation::Configured => places::refuse_shared(&places::places_of(
            config,
            registry.url.path(),
            audit_log.as_deref(),
        )),
    }
}

/// Where the registry is kept, and who said so.
#[derive(Debug)]
pub(crate) struct RegistryPlace {
    url: RegistryUrl,
    source: Source,
}

impl RegistryPlace {
    /// Reads where the registry is kept, and who else may change it. Its directory has to be there
    /// already, but for the development set-up, which makes its own. Creates nothing.
    ///
    /// # Errors
    /// When there is no such place.
    pub(crate) fn of(config: &Config) -> Result<Self, Failure> {
        let Setting { value, source } = &config.registry;
        let url = RegistryUrl::parse(value).map_err(|must| source.explain(must))?;
        let place = Self {
            url,
            source: *source,
        };
        match config.installation {
            Installation::Development => Ok(place),
            Installation::Configured => match SqliteRegistry::survey(&place.url) {
                Ok(()) => Ok(place),
                Err(refusal) => Err(source.explain(refusal).into()),
            },
        }
    }

    /// Whether [`open`](Self::open) is going to make an empty registry: none stands there, and its
    /// directory lets us write.
    pub(crate) fn is_to_be_made(&self) -> bool {
        SqliteRegistry::is_absent(&self.url) && is_writable(directory_of(self.url.path()))
    }

    /// Opens the registry, and makes it when it is not there yet.
    ///
    /// # Errors
    /// When it cannot be relied on.
    pub(crate) async fn open(&self) -> Result<OpenRegistry, Failure> {
        let opened = open(&self.url).await;
        let registry = opened.map_err(|refusal| self.source.explain(refusal))?;
        let Err(holder) = only_one::take_name_of(registry.0.identity()) else {
            return Ok(registry);
        };
        // How that went matters less than the refusal; nothing has been written.
        drop(registry.close().await);
        let refusal = self.source.explain(format_args!(
            "--registry {}: {holder} serves this registry, or a copy of it; stop that process, or name \
             another file",
            self.url
        ));
        Err(refusal.into())
    }
}

/// The keys of a token that its registry calls retired. The registry is only read. Where the environment
/// names one that is not made yet, there is none to read.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn retired_keys_of_token(
    registry: &Setting<String>,
) -> Result<Option<Vec<RetiredKey>>, Failure> {
    let Setting { value, source } = registry;
    let url = RegistryUrl::parse(value).map_err(|must| source.explain(must))?;
    if matches!(source, Source::Environment(_)) && SqliteRegistry::is_absent(&url) {
        return Ok(None);
    }
    let read = retired_keys(&url, TOKEN.name).await;
    Ok(read.map(Some).map_err(|refusal| source.explain(refusal))?)
}

async fn open(url: &RegistryUrl) -> Result<OpenRegistry, OpenRegistryError> {
    let registry = SqliteRegistry::open(url).await?;
    Ok(OpenRegistry(Arc::new(registry)))
}

/// The registry, for as long as this process serves.
#[derive(Debug)]
pub(crate) struct OpenRegistry(Arc<SqliteRegistry>);

impl OpenRegistry {
    /// The registry as the actors know it.
    pub(crate) fn port(&self, around: &dyn Around) -> Arc<dyn KeyRegistry> {
        around.registry(Arc::<SqliteRegistry>::clone(&self.0))
    }

    /// Ends the use of the registry. Nothing is lost without it.
    ///
    /// # Errors
    /// When the store does not finish in time.
    pub(crate) async fn close(self) -> Result<(), KeyRegistryError> {
        self.0.close().await
    }
}
