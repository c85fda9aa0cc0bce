//! The driven adapters of the custodian: key providers, the key registry, the audit log and the
//! verification of signatures.
//!
//! The crates below `adapters/` under one name. Which adapters a binary holds is decided by features;
//! which of them it uses, by configuration alone.

pub mod audit;
pub mod providers;
pub mod registry;

use signer_files as file_access;
use signer_files as ownership;
pub use signer_verify::{plain_verifier_for, vectors, verifier_for};
