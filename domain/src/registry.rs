//! The rules of the registry, written once for every store.
//!
//! A store implements [`Engine`]: the questions, each of one moment, and [`Rows`], what a change does
//! inside one transaction. Which change is permitted, and what it leads to, is decided here. Whatever
//! implements [`Engine`] thereby implements [`KeyRegistry`](crate::ports::KeyRegistry) and
//! [`RotationRegistry`](crate::ports::RotationRegistry).

mod engine;
mod keys;
mod moment;
mod port;
mod refused;
mod reservations;
mod retirements;
mod rotations;
mod rows;

pub use engine::{Change, Engine, Questions};
pub use refused::Refused;
pub use rows::{KeyRow, OpenedRotation, RegisteredKey, RotationRow, Rows};
