//! What each call demands of its request, and of the server before it is done.

use crate::routes::Call;
use crate::wire::BatchRequest;

/// The largest body of a call for one key, in bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// The largest body of a batch, in bytes.
const BATCH_LIMIT: usize = 512 * 1024;

/// What a request may take beyond its body at the flat rate of its connection.
const SMALL: usize = 8 * 1024;
/// What one item of a batch takes: as it was read, in the work, in the record and in the answer.
const ITEM: usize = 2 * 1024;
/// The shortest item of a batch, in bytes of its body.
const SHORTEST_ITEM: usize = 100;
/// What a page of keys takes.
const PAGE: usize = 768 * 1024;

/// What a call has to do with a body of at most `limit` bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body {
    None,
    Optional { limit: usize },
    Required { limit: usize },
}

/// What the record of requests has to do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recording {
    /// It is not recorded: it asks how the process is, or what it can do.
    None,
    /// It is recorded.
    Afterwards,
    /// It is recorded, and is not even begun while the record is known to fail: it would change
    /// something of which no trace is left.
    Assured,
}

/// So many bytes, where they are more than the flat rate of a connection covers.
pub(crate) fn beyond_flat_rate(bytes: usize) -> Option<usize> {
    (bytes > SMALL).then_some(bytes)
}

impl Call<'_> {
    pub(crate) const fn body(&self) -> Body {
        match self {
            Self::Generate
            | Self::Sign(_)
            | Self::SignScope(_)
            | Self::RotationOpen(_)
            | Self::RotationClose(_) => Body::Required { limit: BODY_LIMIT },
            Self::Batch => Body::Required { limit: BATCH_LIMIT },
            Self::Retire(_) | Self::Block(_) | Self::Unblock(_) | Self::ReleaseQuarantine(_) => {
                Body::Optional { limit: BODY_LIMIT }
            }
            Self::List
            | Self::Show(_)
            | Self::PublicKey(_)
            | Self::RotationShow(_)
            | Self::Jwks(_)
            | Self::Livez
            | Self::Readyz
            | Self::Metrics
            | Self::OpenApi => Body::None,
        }
    }

    /// How many bytes the call takes at most with a body of so many, beyond the flat rate of its
    /// connection.
    pub(crate) fn memory(&self, body: usize) -> usize {
        match self {
            Self::Batch => {
                let items = (body / SHORTEST_ITEM + 1).min(BatchRequest::MAX_ITEMS);
                2 * body + items * ITEM
            }
            Self::List | Self::Jwks(_) => PAGE,
            Self::Generate
            | Self::Sign(_)
            | Self::SignScope(_)
            | Self::Retire(_)
            | Self::Block(_)
            | Self::Unblock(_)
            | Self::ReleaseQuarantine(_)
            | Self::RotationOpen(_)
            | Self::RotationClose(_)
            | Self::Show(_)
            | Self::PublicKey(_)
            | Self::RotationShow(_)
            | Self::Livez
            | Self::Readyz
            | Self::Metrics
            | Self::OpenApi => beyond_flat_rate(body).map_or(0, |body| 2 * body),
        }
    }

    /// Whether parameters make no sense here. Probes and scrapers may add theirs.
    pub(crate) const fn takes_no_query(&self) -> bool {
        match self {
            Self::Generate
            | Self::Sign(_)
            | Self::SignScope(_)
            | Self::Batch
            | Self::Show(_)
            | Self::PublicKey(_)
            | Self::Retire(_)
            | Self::Block(_)
            | Self::Unblock(_)
            | Self::ReleaseQuarantine(_)
            | Self::RotationOpen(_)
            | Self::RotationShow(_)
            | Self::RotationClose(_) => true,
            Self::List
            | Self::Jwks(_)
            | Self::Livez
            | Self::Readyz
            | Self::Metrics
            | Self::OpenApi => false,
        }
    }

    pub(crate) const fn recording(&self) -> Recording {
        match self {
            Self::Generate
            | Self::Sign(_)
            | Self::SignScope(_)
            | Self::Batch
            | Self::Retire(_)
            | Self::Block(_)
            | Self::Unblock(_)
            | Self::ReleaseQuarantine(_)
            | Self::RotationOpen(_)
            | Self::RotationClose(_) => Recording::Assured,
            Self::List
            | Self::Show(_)
            | Self::PublicKey(_)
            | Self::RotationShow(_)
            | Self::Jwks(_) => Recording::Afterwards,
            Self::Livez | Self::Readyz | Self::Metrics | Self::OpenApi => Recording::None,
        }
    }
}
