//! The Azure provider on bad days: what the vault, the line and the identity service may do to it, and
//! that it heals without being opened anew.

#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be made fails the test"
)]

#[path = "../../../cloud/tests/cloud_support/busy.rs"]
mod busy;
#[path = "../azure_kv_support/mod.rs"]
mod support;

mod answers;
mod crowds;
mod identity;
mod lost_answers;
mod planted;
mod subject;
mod tampering;
mod versions;
