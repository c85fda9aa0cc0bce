//! What the Google Cloud KMS provider makes of a service, and of a way to it, on a bad day.
//!
//! Every case ends with the provider at work again, without a restart, unless its point is that an
//! operator has to act.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../../../cloud/tests/cloud_support/busy.rs"]
mod busy;
#[path = "../gcp_kms_support/mod.rs"]
mod support;

mod stage;

mod answers;
mod behind_the_back;
mod load;
mod lost_replies;
mod refusals;
mod waiting;
mod wrong_signatures;
