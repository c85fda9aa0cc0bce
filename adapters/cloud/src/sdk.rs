//! The half that talks to a service: limits on calls, second tries, words for what goes wrong.

mod name;
mod pace;
mod settling;
mod trouble;

pub use self::name::cloud_name;
pub use self::pace::CloudLimits;
pub use self::pace::Pace;
pub use self::settling::until_there;
pub use self::trouble::leaves_doubt;
pub use self::trouble::{Trouble, in_doubt, told, told_that};

/// The most that is read of an answer about one key: its description with all tags, its public half, a
/// signature, a token.
pub const LONGEST_ANSWER: usize = 64 * 1024;
/// The most that is read of one page of a list.
pub const LONGEST_LIST: usize = 1024 * 1024;

/// Chooses `ring` as the cryptography of every TLS connection of this process. Once, before the first
/// provider is opened: the libraries of the key services would each look for a choice of their own.
pub fn install_tls() {
    // It may be chosen already, and is then the same.
    let _already = rustls::crypto::ring::default_provider().install_default();
}
