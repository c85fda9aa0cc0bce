//! The actors, driven directly: the scripted double behind them, a real registry beside them.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should say where"
)]

mod batches;
mod closing;
mod forgetful;
mod generating;
mod half_retired;
mod house;
mod isolation;
mod marking;
mod messages;
mod notes;
mod recovery;
mod releasing;
mod retiring;
mod rotating;
mod signing;
mod under_load;
mod undisturbed;
mod unsettled;
mod watching;
