//! What the AWS KMS provider makes of a service that fails: each trouble is told within the deadline, no
//! answer that is lost makes a second key, and everything heals without a restart.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

#[path = "../../../cloud/tests/cloud_support/busy.rs"]
mod busy;
mod making;
mod naming;
mod overlapping;
mod planted;
mod retiring;
mod signing;
mod stage;
#[path = "../aws_support/mod.rs"]
mod support;
mod troubles;
