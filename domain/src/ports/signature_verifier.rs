//! The driven port that checks a signature before it leaves the process.

use std::fmt;
use std::sync::Arc;

use crate::{Digest, PublicKey, Signature};

/// A public key made ready for many verifications.
pub trait SignatureVerifier: Send + Sync + fmt::Debug {
    /// Whether `signature` is a pure Ed25519 signature (RFC 8032 §5.1.7) of the 64 digest bytes by
    /// the key this verifier was made for.
    fn accepts(&self, digest: &Digest, signature: &Signature) -> bool;
}

/// Makes the verifier of one public key.
pub type VerifierFactory = fn(&PublicKey) -> Result<Arc<dyn SignatureVerifier>, InvalidPublicKey>;

/// The bytes are not the encoding of a usable Ed25519 public key (RFC 8032 §5.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a usable Ed25519 public key")]
pub struct InvalidPublicKey;
