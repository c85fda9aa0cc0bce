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
mod replacing;
mod secrecy;
mod starting;
pub(crate) mod token;

use token::Token;

crate::suite::process_suite!(
    Token,
    no_service: "a module is a library on this machine: it knows a PIN, of which a wrong one ends the start, \
                 and no time to come back at"
);
