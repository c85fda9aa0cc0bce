//! What holds the adapters to their ports, and the actors to their promises. Never part of what is
//! shipped.
//!
//! - [`conformance`]: the contract of a key provider, one suite for every back end.
//! - [`crash`]: deaths, failures and delays at every call of a driven port.
//! - [`registry`]: the contract of the registry, one suite for every store, and a store in memory.
//! - [`testdouble`]: a key provider in memory that does what a test tells it.

pub mod conformance;
pub mod crash;
pub mod registry;
pub mod testdouble;
