//! The built program with its keys in a vault: a fake one over real TLS, and a fake identity service.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod failing;
mod house;
mod keeping;
mod secrecy;
mod starting;
