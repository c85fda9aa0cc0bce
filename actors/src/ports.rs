//! The driven ports that the actors consume.

use std::sync::Arc;

use signer_domain::ports::{AuditTrail, KeyRegistry, VerifierFactory};

/// The driven ports that the actors consume, but for the key providers, which the actors build.
#[derive(Debug, Clone)]
pub struct DrivenPorts {
    /// The authority on keys and rotations.
    pub registry: Arc<dyn KeyRegistry>,
    /// Where the process records what it does of its own accord.
    pub audit: Arc<dyn AuditTrail>,
    /// Makes what checks the signatures of a key.
    pub verifier_for: VerifierFactory,
}
