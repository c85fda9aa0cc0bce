//! The message to a key's actor.

use signer_domain::{Deadline, Digest};

use super::room::Seats;

/// The message to a key's actor: a request, and what goes with each.
#[derive(Debug)]
pub struct Ask<R> {
    /// What is asked.
    pub request: R,
    /// When the answer is of no use any more.
    pub deadline: Deadline,
    /// What the request occupies.
    pub seats: Seats,
}

impl<R> Ask<R> {
    /// A request that is not counted.
    pub fn new(request: R, deadline: Deadline) -> Self {
        Self {
            request,
            deadline,
            seats: Seats::default(),
        }
    }
}

/// Asks for one signature, verified under the registered public key.
#[derive(Debug, Clone, Copy)]
pub struct Sign {
    /// The 64 bytes to sign.
    pub digest: Digest,
}

/// Asks for many signatures on behalf of one batch, in the order of the digests.
#[derive(Debug, Clone)]
pub struct SignMany {
    /// What to sign, 64 bytes each.
    pub digests: Vec<Digest>,
}
