//! What the process tests share: a place to work in, the program as a user runs it, a custodian
//! that serves there, and raw HTTP over its socket.
//!
//! Everything here panics when something is not as the test needs it. It depends on none of the
//! crates under test: it sees what a user sees.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::indexing_slicing,
    clippy::return_self_not_must_use,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails, and a test may block its own thread"
)]

mod by_hand;
mod connection;
mod full_pipe;
mod program;
mod published_key;
mod random;
mod response;
mod scope_load;
mod secrets;
mod server;
mod setting;
mod stranger;
mod traces;
mod wait;
mod workplace;

pub use by_hand::openssl_verifies;
pub use connection::Connection;
pub use full_pipe::full_pipe;
pub use program::{Finished, Program, is_as_shipped};
pub use published_key::{PublishedKey, path_of, sign_request};
pub use random::Random;
pub use response::Response;
pub use scope_load::ScopeLoad;
pub use secrets::{Canary, public_half, software_private_key};
pub use server::Server;
pub use setting::setting;
pub use stranger::STRANGER;
pub use traces::Traces;
pub use wait::{eventually, pause};
pub use workplace::{Workplace, copy_directory};

/// The key that most tests use, and the path of its calls.
pub const K1: &str = "/v1/keys/software%3Aplatform%7Ck1";

/// The handle of [`K1`].
pub const K1_HANDLE: &str = "software:platform|k1";
