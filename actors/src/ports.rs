//! The driven ports that the actors consume.

use std::sync::Arc;

use signer_domain::ports::{AuditTrail, KeyRegistry, RotationRegistry, VerifierFactory};

/// The driven ports that the actors consume, but for the key providers, which the actors build.
#[derive(Debug, Clone)]
pub struct DrivenPorts {
    /// The authority on keys.
    pub registry: Arc<dyn KeyRegistry>,
    /// The authority on rotations: the same store.
    pub rotations: Arc<dyn RotationRegistry>,
    /// Where the process records what it does of its own accord.
    pub audit: Arc<dyn AuditTrail>,
    /// Makes what checks the signatures of a key.
    pub verifier_for: VerifierFactory,
}
