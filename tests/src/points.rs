//! Crash points around the adapters of the binary under test.

use std::path::PathBuf;
use std::sync::Arc;

use plexsphere_signer::Around;
use signer_audit::Disk;
use signer_domain::ports::{AuditTrail, KeyProvider, KeyRegistry};
use signer_kit::crash::{CrashPoints, Crashing, CrashingDisk, Remembering};
use signer_registry::SqliteRegistry;

/// One for the whole process, as its death is: hits are counted over all ports together.
#[derive(Debug)]
pub(crate) struct Points {
    pub(crate) points: CrashPoints,
    /// Lists the keys that the providers hold, as a back end of its own would.
    pub(crate) memory: Option<PathBuf>,
}

impl Points {
    fn before<A: ?Sized>(&self, opened: Arc<A>) -> Arc<Crashing<A>> {
        Arc::new(Crashing::new(opened, self.points.clone()))
    }
}

impl Around for Points {
    fn provider(&self, opened: Arc<dyn KeyProvider>) -> Arc<dyn KeyProvider> {
        match &self.memory {
            Some(file) => self.before(Arc::new(Remembering::new(opened, file.clone()))),
            None => self.before(opened),
        }
    }

    fn registry(&self, opened: Arc<SqliteRegistry>) -> Arc<dyn KeyRegistry> {
        self.before(opened)
    }

    fn audit(&self, opened: Arc<dyn AuditTrail>) -> Arc<dyn AuditTrail> {
        self.before(opened)
    }

    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(CrashingDisk::new(self.points.clone()))
    }
}
