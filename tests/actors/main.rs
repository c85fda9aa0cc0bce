//! The actors, driven directly: the scripted double behind them, a real registry beside them.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod batches;
mod forgetful;
mod generating;
mod house;
mod isolation;
mod recovery;
mod retiring;
mod signing;
