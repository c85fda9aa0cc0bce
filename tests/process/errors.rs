//! Every row of the error table that exists by now, from the built binary, over its socket.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod contract;
mod crowds;
mod keys;
mod log_lines;
mod peers;
mod providers;
mod registry;
mod requests;
mod scripted;
mod stopping;
mod time;
