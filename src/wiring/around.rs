//! What comes between the custodian and the adapters that it opens.

use std::fmt;
use std::sync::Arc;

use signer_audit::{BareDisk, Disk};
use signer_domain::ports::{AuditTrail, KeyProvider, KeyRegistry};
use signer_registry::SqliteRegistry;

/// What comes between the custodian and the adapters that it opens: nothing, unless a test wants to see one
/// of them fail.
pub trait Around: fmt::Debug + Send + Sync {
    /// Stands before a provider, each time that one was opened.
    fn provider(&self, opened: Arc<dyn KeyProvider>) -> Arc<dyn KeyProvider> {
        opened
    }

    /// Stands before the registry.
    fn registry(&self, opened: Arc<SqliteRegistry>) -> Arc<dyn KeyRegistry> {
        opened
    }

    /// Stands before the audit log.
    fn audit(&self, opened: Arc<dyn AuditTrail>) -> Arc<dyn AuditTrail> {
        opened
    }

    /// The disk of the audit log.
    fn disk(&self) -> Arc<dyn Disk> {
        Arc::new(BareDisk)
    }
}

/// Nothing comes between.
#[derive(Debug)]
pub(crate) struct Nothing;

impl Around for Nothing {}
