//! The built program with its keys in AWS KMS, as a server of this program plays it.
#![expect(
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod account;
mod crashing;
mod keeping;
mod moving;
mod secrecy;
mod starting;
mod telling;
