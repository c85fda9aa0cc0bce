//! What each call does: plain functions over the driving ports.

pub(crate) mod keys;
pub(crate) mod probes;
pub(crate) mod rotations;
pub(crate) mod sign;

use std::sync::Arc;

use actix_http::RequestHead;
use signer_domain::ports::{Custody, Rotations};
use signer_domain::{Deadline, HandleId, KnownProviders};

use crate::audit::Subject;
use crate::body;
use crate::refusal::Refusal;
use crate::request_id::RequestId;
use crate::segment::parse_handle;
use crate::wire::Body;

/// A request that was taken in, and what it takes to do what it asks for.
pub(crate) struct Task<'r> {
    pub(crate) custody: &'r dyn Custody,
    pub(crate) rotations: &'r Arc<dyn Rotations>,
    /// Those that a request may name.
    pub(crate) providers: &'r KnownProviders,
    pub(crate) head: &'r RequestHead,
    pub(crate) body: &'r [u8],
    pub(crate) request_id: &'r RequestId,
    pub(crate) deadline: Deadline,
    pub(crate) subject: &'r mut Subject,
}

impl<'r> Task<'r> {
    /// Reads the body as the one object it must be.
    fn document<T: Body<'r>>(&self) -> Result<T, Refusal> {
        body::parse(self.body, self.providers)
    }

    /// Reads the handle in the path.
    fn handle(&self, segment: &str) -> Result<HandleId, Refusal> {
        parse_handle(segment, self.providers)
    }
}
