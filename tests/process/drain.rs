//! Stopping a custodian that has work to do: nothing of what it accepted is lost.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a helper that fails is a test that fails, and a long test tells what it did"
)]

mod clients;
mod early;
mod slow;
mod under_load;
