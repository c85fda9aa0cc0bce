//! The interface as its clients meet it: a real server on a real Unix socket, over a scripted custody.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must fail on the spot"
)]

mod abuse;
mod audit;
mod audit_failing;
mod crowds;
mod dawdling;
mod drain;
mod errors;
mod health;
mod keys;
mod limits;
mod marks;
mod openapi;
mod peers;
mod probes;
mod releasing;
mod rotations;
mod sign;
mod socket;
mod support;
mod unreadable;
mod upgrade;
