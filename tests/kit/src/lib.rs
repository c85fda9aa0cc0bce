//! What holds the adapters to their ports, and the actors to their promises. Never part of what is
//! shipped.
//!
//! - [`conformance`]: the contract of a key provider, one suite for every back end.
//! - [`crash`]: deaths, failures and delays at every call of a driven port.
//! - [`testdouble`]: a key provider in memory that does what a test tells it.

pub mod conformance;
pub mod crash;
#[cfg(feature = "double")]
pub mod testdouble;
