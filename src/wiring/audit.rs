//! Joins the audit log to the registry that it speaks of.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use prometheus_client::registry::Registry as Metrics;
use signer_audit::{
    Acceptance, AuditOpening, AuditRefusal, Disk, FileAuditTrail, KeyFact, KnownKey, NoAuditTrail,
    OpenAuditError, RegistryMark, StaleRegistry, StaleRegistryError, inspect,
};
use signer_domain::KeyState;
use signer_domain::ports::{
    AuditTrail, CurrentKey, KeyRecords as _, KeyRegistryError, RegistryStore as _,
};
use signer_registry::RegistryUrl;
use tracing::{info, warn};

use super::{Around, OpenRegistry, RegistryPlace};
use crate::config::{AuditLog, Config, Source};
use crate::failure::Failure;
use crate::places::{self, Place};

/// Where the audit log is kept, and who said so.
#[derive(Debug)]
pub(crate) struct AuditPlace {
    path: Option<PathBuf>,
    source: Source,
    registry: RegistryUrl,
    registry_source: Source,
}

impl AuditPlace {
    /// Looks at the audit log before anything is made, so that a refusal leaves nothing behind.
    ///
    /// # Errors
    /// When the log cannot be continued, or was kept for a registry that is gone.
    pub(crate) fn of(config: &Config, registry: &RegistryPlace) -> Result<Self, Failure> {
        let source = &config.audit_log.source;
        let place = Self {
            path: path_of(config, registry),
            source: *source,
            registry: registry.url.clone(),
            registry_source: registry.source,
        };
        if let Some(path) = &place.path {
            let known = match inspect(path) {
                // The registry, which is opened first, tells of the custodian that uses both.
                Err(refused) if is_in_use(&refused) && !registry.is_to_be_made() => None,
                found => found.map_err(|refused| source.explain(refused))?,
            };
            if let Some(known) = known.filter(|_| registry.is_to_be_made()) {
                return Err(place.stale(path, StaleRegistry::Missing { signed: known.id }));
            }
        }
        Ok(place)
    }

    /// Opens the audit log for the registry.
    ///
    /// # Errors
    /// When it cannot be written, or the registry is not the one that it speaks of.
    pub(crate) async fn open(
        &self,
        registry: &OpenRegistry,
        disk: Arc<dyn Disk>,
    ) -> Result<OpenAudit, Failure> {
        let Some(path) = &self.path else {
            return Ok(OpenAudit::Off);
        };
        let explain = |refusal| self.source.explain(refusal);
        let opening = AuditOpening::claim(path, Acceptance::Nothing).map_err(explain)?;
        let opening = opening.on_disk(disk);
        let compared = opening.compare(&registry.mark().state());
        compared.map_err(|why| self.stale(path, why))?;
        for known in opening.known_keys() {
            let agreed = registry.agrees_with(&known).await.map_err(|cause| {
                Failure::general(format_args!("--registry {}: {cause}", self.registry))
            })?;
            agreed.map_err(|why| self.stale(path, why))?;
        }
        let trail = opening.start(registry.mark()).map_err(explain)?;
        Ok(OpenAudit::Kept(Arc::new(trail)))
    }

    fn stale(&self, log: &Path, why: StaleRegistry) -> Failure {
        self.registry_source
            .explain(StaleRegistryError {
                registry: self.registry.to_string(),
                log: log.to_owned(),
                why,
            })
            .into()
    }
}

/// Whether another custodian has the log.
const fn is_in_use(refused: &OpenAuditError) -> bool {
    matches!(refused.refusal, AuditRefusal::InUse(_))
}

/// The path of the audit log, if one is kept.
pub(super) fn path_of(config: &Config, registry: &RegistryPlace) -> Option<PathBuf> {
    match &config.audit_log.value {
        AuditLog::BesideRegistry => Some(registry.url.path().with_file_name("audit.jsonl")),
        AuditLog::At(path) => Some(path.clone()),
        AuditLog::Off => None,
    }
}

impl OpenRegistry {
    /// The registry as the audit log knows it.
    pub(super) fn mark(&self) -> RegistryMark {
        let registry = Arc::clone(&self.0);
        RegistryMark::new(self.0.identity().to_owned(), move || {
            registry.newest_change()
        })
    }

    /// Whether the registry knows what an entry of the log says of a key.
    async fn agrees_with(
        &self,
        known: &KnownKey,
    ) -> Result<Result<(), StaleRegistry>, KeyRegistryError> {
        let (handle, entry) = (known.handle.to_string(), known.entry);
        let found = self.0.find(&known.handle).await?;
        Ok(match (known.fact, found) {
            (KeyFact::Retired, Some(key)) if key.state == KeyState::Retired => Ok(()),
            (KeyFact::Retired, _) => Err(StaleRegistry::NotRetired { handle }),
            (KeyFact::Stands | KeyFact::Rotated | KeyFact::Blocked, None) => {
                Err(StaleRegistry::Lacks { handle, entry })
            }
            (KeyFact::Blocked, Some(key)) if key.may_sign() => {
                Err(StaleRegistry::NotBlocked { handle, entry })
            }
            // A key that was superseded or retired since is not active any more.
            (KeyFact::Rotated, Some(key)) if key.state == KeyState::Active => {
                match self.0.current(&key.scope).await? {
                    CurrentKey::Key(current) if current.handle_id == key.handle_id => Ok(()),
                    CurrentKey::Key(_) | CurrentKey::Retired | CurrentKey::Unknown => {
                        Err(StaleRegistry::NotRotated { handle, entry })
                    }
                }
            }
            (KeyFact::Stands | KeyFact::Rotated | KeyFact::Blocked, Some(_)) => Ok(()),
        })
    }
}

/// The audit log, for as long as this process serves.
#[derive(Debug, Clone)]
pub(crate) enum OpenAudit {
    Kept(Arc<FileAuditTrail>),
    Off,
}

impl OpenAudit {
    /// The log as everybody else knows it.
    pub(crate) fn port(&self, around: &dyn Around) -> Arc<dyn AuditTrail> {
        match self {
            Self::Kept(trail) => around.audit(Arc::<FileAuditTrail>::clone(trail)),
            Self::Off => Arc::new(NoAuditTrail),
        }
    }

    /// Adds the metrics of the log, if there is one.
    pub(crate) fn register(&self, metrics: &mut Metrics) {
        match self {
            Self::Kept(trail) => trail.register(metrics),
            Self::Off => {}
        }
    }

    /// Goes on in the file that is at the path of the log now.
    pub(crate) async fn reopen(&self) {
        match self {
            Self::Kept(trail) => match trail.reopen().await {
                Ok(()) => info!("audit log reopened"),
                Err(cause) => warn!(%cause, "audit log not reopened yet; it is tried again"),
            },
            Self::Off => info!("no audit log to reopen"),
        }
    }

    /// Writes what waits and signs the last checkpoint.
    pub(crate) async fn close(self) {
        match self {
            Self::Kept(trail) => trail.close().await,
            Self::Off => {}
        }
    }
}

/// Accepts the registry as it stands as the one that the audit log speaks of.
///
/// # Errors
/// When one of them cannot be opened.
pub(crate) async fn accept_registry(log: &Path, registry: &RegistryUrl) -> Result<(), Failure> {
    places::refuse_shared(&[
        Place::audit_log("--audit-log", log),
        Place::registry("--registry", registry.path()),
    ])?;
    let opening = AuditOpening::claim(log, Acceptance::Registry).map_err(Failure::usage)?;
    let registry = super::open(registry).await.map_err(Failure::usage)?;
    let trail = opening.start(registry.mark()).map_err(Failure::usage)?;
    trail.close().await;
    registry.close().await.map_err(Failure::general)
}

/// Accepts that the audit log ends before its last checkpoint, or lacks what a custodian that died had
/// written.
///
/// # Errors
/// When it does not, or cannot be opened.
pub(crate) async fn accept_cut(log: &Path) -> Result<(), Failure> {
    let opening = AuditOpening::claim(log, Acceptance::Cut).map_err(Failure::usage)?;
    let trail = opening.start_as_it_stands().map_err(Failure::usage)?;
    trail.close().await;
    Ok(())
}
