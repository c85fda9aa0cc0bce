//! The audit log in its file: across restarts, rotations, crashes and manipulations.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod laundering;
mod mutations;
mod opening;
mod registries;
mod restarts;
mod rotation;
mod support;
mod unfinished;
mod vectors;
