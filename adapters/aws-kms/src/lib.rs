//! The AWS KMS key provider: keys in AWS's hardware security modules, which no one can take out.
//!
//! A handle is `aws-kms:<key ARN>`. The digest is signed as the message, by `ED25519_SHA_512` with
//! `RAW`. That is Ed25519 as every provider means it; the algorithm for digests is Ed25519ph and would
//! hash the digest once more.
//!
//! A retired key is disabled, and on request also scheduled for deletion. AWS obeys late, and an
//! administrator may enable the key again: what counts is the registry, which is asked first. AWS shows
//! nothing of the public half of a disabled key either; that too is in the registry.
//!
//! How a key is made once and no more is told in `generation.rs`.

mod face;
#[cfg(feature = "sdk")]
mod module;
#[cfg(feature = "sdk")]
mod sdk;

#[cfg(feature = "sdk")]
pub use self::module::MODULE;
#[cfg(feature = "sdk")]
pub use self::sdk::{
    AliasPrefix, AwsKmsMemory, AwsKmsProvider, AwsKmsSettings, DeletionWindow, Endpoint,
    ParseAliasPrefixError, ParseDeletionWindowError, ParseEndpointError, ParseRegionError, Region,
};

/// What stands for the provider, which this binary does not hold.
#[cfg(not(feature = "sdk"))]
pub const MODULE: &dyn signer_module::ProviderModule = &signer_module::LeftOut(&face::FACE);
