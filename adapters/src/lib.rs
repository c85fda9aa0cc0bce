//! The driven adapters of the custodian: key providers, the key registry and the verification of
//! signatures.
//!
//! Private key material lives in [`providers::software`] and nowhere else. Which adapters a binary
//! holds is decided by features; which of them it uses, by configuration alone.

#[cfg(feature = "_testdouble")]
pub mod conformance;
pub mod providers;
pub mod registry;
mod rfc8032;
mod verify;

pub use verify::verifier_for;
