//! The rules of the registry, written once for every store.
//!
//! A store implements [`Engine`]: reading keys, the store itself, the other questions, and a transaction
//! with [`Rows`]. Which change is permitted, and what it leads to, is decided here. Whatever implements
//! [`Engine`] thereby is a [`KeyRegistry`](crate::ports::KeyRegistry).

mod engine;
mod keys;
mod moment;
mod port;
mod refused;
mod reservations;
mod retirements;
mod rotations;
mod rows;

pub use engine::{Change, ChangeKind, Engine};
pub use refused::Refused;
pub use rows::{KeyRow, OpenedRotation, RegisteredKey, RotationRow, Rows};
