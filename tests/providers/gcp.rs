//! The custodian on Google Cloud KMS, from outside of the process. The service is a fake that speaks
//! the wire of Google's own client library; no account and no network is needed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod credentials;
mod harness;
mod starting;

use harness::Harness;

crate::suite::process_suite!(Harness);
