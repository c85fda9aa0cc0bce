//! The seams of the custodian.
//!
//! *Driving* port: [`Custody`], what the outside may ask for. *Driven* ports: [`KeyProvider`], which
//! holds private keys, [`KeyRegistry`], the authority on key state, and [`SignatureVerifier`], which
//! checks every signature before it leaves.

mod custody;
mod key_provider;
mod key_registry;
mod signature_verifier;

pub use custody::{
    CheckState, Custody, CustodyError, GenerateKey, GeneratedOrStanding, Liveness, ProviderStatus,
    PublicKeySource, PublishedKey, Readiness, SignRequest, SignTarget, SignedDigest,
};
pub use key_provider::{GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities};
pub use key_registry::{
    CurrentKey, FreshKey, KeyPage, KeyQuery, KeyRegistry, KeyRegistryError, PendingKey, Reservation,
};
pub use signature_verifier::{InvalidPublicKey, SignatureVerifier, VerifierFactory};

/// The cause behind an error of a port, for the log only: it never reaches a caller.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
