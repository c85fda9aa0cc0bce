//! The built program with its keys in AWS KMS, as a server of this program plays it.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

pub(crate) mod account;
mod crashing;
mod keeping;
mod starting;

use account::Account;

crate::suite::process_suite!(Account);
