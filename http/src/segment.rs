//! Reads what stands in a path.

use signer_domain::{HandleId, KnownProviders, Scope};

use crate::query::decode;
use crate::refusal::Refusal;

/// Reads the handle in a path.
pub(crate) fn parse_handle(segment: &str, known: &KnownProviders) -> Result<HandleId, Refusal> {
    let text = decode(segment)
        .ok_or_else(|| Refusal::invalid("handle_id: must be percent-encoded UTF-8"))?;
    let handle = known.parse_handle(&text);
    handle.map_err(|error| Refusal::invalid(format!("handle_id: {error}")))
}

/// Reads the scope in a path.
pub(crate) fn parse_scope(segment: &str) -> Result<Scope, Refusal> {
    let text =
        decode(segment).ok_or_else(|| Refusal::invalid("scope: must be percent-encoded UTF-8"))?;
    Scope::parse(&text).map_err(|error| Refusal::invalid(format!("scope: {error}")))
}
