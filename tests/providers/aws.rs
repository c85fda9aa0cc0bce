//! The built program with its keys in AWS KMS, as a server of this program plays it.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod crashing;
pub(crate) mod harness;
mod keeping;
mod starting;

use harness::Harness;

crate::suite::process_suite!(Harness);
