//! The built binary as a process, over its sockets, its files and its signals.

mod abuse;
mod audit;
mod crash;
mod custodians;
mod drain;
mod errors;
mod files;
mod http;
mod kill;
mod log;
mod memory;
mod places;
mod record;
mod release;
mod restart;
mod rotation;
mod seed;
mod socket;
mod surroundings;
