//! What the providers of cloud key services share.
//!
//! A key service is far away, counts each call against a quota, and tells the truth late. The
//! providers therefore pace themselves, ask again for what was made a moment ago, and tell an operator
//! the trouble that they meet.

mod name;
mod pace;
mod settling;
mod trouble;

pub(super) use self::name::cloud_name;
pub use self::pace::CloudLimits;
pub(super) use self::pace::Pace;
pub(super) use self::settling::until_there;
#[cfg(any(feature = "aws-kms", feature = "azure-kv"))]
pub(super) use self::trouble::leaves_doubt;
pub(super) use self::trouble::{Trouble, in_doubt, told, told_that};

/// The most that is read of an answer about one key: its description with all tags, its public half, a
/// signature, a token.
pub(super) const LONGEST_ANSWER: usize = 64 * 1024;
/// The most that is read of one page of a list.
#[cfg(any(feature = "aws-kms", feature = "azure-kv"))]
pub(super) const LONGEST_LIST: usize = 1024 * 1024;

/// Chooses `ring` as the cryptography of every TLS connection of this process. Once, before the first
/// provider is opened: the libraries of the key services would each look for a choice of their own.
pub(super) fn install_tls() {
    // It may be chosen already, and is then the same.
    let _already = rustls::crypto::ring::default_provider().install_default();
}
