//! Key services of three clouds, faked on the wire, for the tests. Never shipped.
//!
//! A [`FakeServer`] speaks HTTP/1.1 on a port of 127.0.0.1, with or without TLS, on threads of its
//! own, so that asynchronous tests and tests of whole processes use it alike. What it answers is up to
//! a [`Service`]; what goes wrong on the way is up to [`Fault`]s.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a fake that cannot be made fails the test"
)]

pub mod aws;
mod azure;
mod body;
mod certificate;
mod fault;
mod gcp;
mod message;
mod server;

pub use azure::{FakeVault, Signing, VaultKind};
pub use certificate::Certificate;
pub use fault::Fault;
pub use gcp::{GcpKms, GcpVersionState, SignWith, gcp_refusal, gcp_sign_prehashed};
pub use message::{Answer, Request};
pub use server::{FakeServer, Service};
