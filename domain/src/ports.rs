//! The seams of the custodian.
//!
//! *Driving* ports: [`Custody`] and [`Rotations`], what the outside may ask for. *Driven* ports:
//! [`KeyProvider`], which holds private keys, [`KeyRegistry`], the authority on key state,
//! [`SignatureVerifier`], which checks every signature before it leaves, and [`AuditTrail`], which records
//! every request before it is answered.

mod audit_trail;
mod custody;
mod key_provider;
mod key_registry;
mod rotations;
mod signature_verifier;

pub use audit_trail::{
    AuditEntry, AuditItem, AuditKey, AuditOutcome, AuditPeer, AuditStatus, AuditTrail,
    AuditUnavailable,
};
pub use custody::{
    CheckState, Custody, CustodyError, GenerateKey, GeneratedOrStanding, Held, Liveness, Presence,
    ProviderStatus, PublicKeySource, PublishedKey, Readiness, ReleaseHold, ShownKey, ShownKeys,
    SignRequest, SignTarget, SignedDigest,
};
pub use key_provider::{GeneratedKey, KeyProvider, KeyProviderError, ProviderCapabilities};
pub use key_registry::{
    Abandonment, Completed, CurrentKey, KeyNotices, KeyPage, KeyQuery, KeyRecords, KeyRegistry,
    KeyRegistryError, NOTICES, PendingKey, Purpose, RegistryStore, Reservation, ReservationRefused,
    Reservations, RetirementStage, Retirements, RotationRecords, WantedKey,
};
pub use rotations::{CloseRotation, OpenRotation, OpenedOrStanding, Rotations, VerificationKeys};
pub use signature_verifier::{InvalidPublicKey, SignatureVerifier, VerifierFactory};

/// The cause behind an error of a port, for the log only: it never reaches a caller.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
