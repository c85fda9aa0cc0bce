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

/// Chooses `ring` as the cryptography of every TLS connection of this process. Once, before the first
/// provider is opened: the libraries of the key services would each look for a choice of their own.
pub(super) fn install_tls() {
    // It may be chosen already, and is then the same.
    let _already = rustls::crypto::ring::default_provider().install_default();
}
