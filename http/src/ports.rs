//! What the server stands on.

use std::fmt;
use std::sync::Arc;

use signer_domain::ports::{AuditTrail, Custody, Rotations};

/// What the server stands on: it serves the first two and records every request in the third.
#[derive(Clone)]
pub struct Ports {
    /// Keys and signatures.
    pub custody: Arc<dyn Custody>,
    /// Rotations of the scopes' current keys.
    pub rotations: Arc<dyn Rotations>,
    /// The record of requests.
    pub audit: Arc<dyn AuditTrail>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports")
            .field("audit", &self.audit)
            .finish_non_exhaustive()
    }
}
