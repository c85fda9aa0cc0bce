//! The built program with its keys in a token: the real module that `PKCS11_MODULE` names.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails is a test that fails"
)]

mod adopting;
mod checking;
mod failing;
mod keeping;
mod meddling;
mod moving;
mod replacing;
mod secrecy;
mod starting;
pub(crate) mod token;
