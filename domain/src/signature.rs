//! What signing yields.

use serde::{Deserialize, Serialize};

use crate::fixed_bytes::fixed_bytes;

/// An Ed25519 signature, 64 bytes: the encodings of `R` and `S`, in that order (RFC 8032 §5.1.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signature([u8; 64]);

fixed_bytes!(Signature, 64);
