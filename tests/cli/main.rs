//! The command line of the built binary, as a user meets it.

mod answers;
mod audit;
mod dev;
mod help;
mod keys;
mod rotations;
mod serve;
mod streams;
mod usage;
mod verify;
