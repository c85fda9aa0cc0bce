//! What the registry tells of a retired key.

use crate::{HandleId, PublicKey};

/// A key that the registry calls retired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetiredKey {
    /// Its handle.
    pub handle: HandleId,
    /// Its public key.
    pub public_key: PublicKey,
}
