//! The keys by which the signatures of a scope are verified, in parts: a scope may have had more keys
//! than anybody should hold in memory for one caller.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::stream::{LocalBoxStream, StreamExt as _, unfold};
use signer_domain::ports::{CustodyError, Rotations, VerificationKeys};
use signer_domain::{Deadline, Scope};

use crate::wire::Jwk;

/// How many keys are read and sent at once.
const PART: usize = 1000;
/// How long one part may take to be read.
const PART_LIMIT: Duration = Duration::from_secs(10);
/// How the document ends.
const END: &[u8] = b"]}";

/// What of an answer is still to be read when it begins to leave.
pub(crate) type Rest = LocalBoxStream<'static, Result<Bytes, BrokenOff>>;

/// The rest of an answer cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the rest of an answer cannot be read: {0}")]
pub(crate) struct BrokenOff(CustodyError);

/// The keys of a scope that verify, as far as they have not been read.
pub(crate) struct KeySet {
    rotations: Arc<dyn Rotations>,
    scope: Scope,
    selection: VerificationKeys,
    next: Next,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Page(Option<u64>),
    None,
}

impl KeySet {
    pub(crate) fn new(
        rotations: &Arc<dyn Rotations>,
        scope: Scope,
        selection: VerificationKeys,
    ) -> Self {
        Self {
            rotations: Arc::clone(rotations),
            scope,
            selection,
            next: Next::Page(None),
        }
    }

    /// The next keys: as many as are sent at once, or all that are left.
    pub(crate) async fn part(&mut self, deadline: Deadline) -> Result<Vec<Jwk>, CustodyError> {
        let mut keys = Vec::new();
        while let Next::Page(after) = self.next
            && keys.len() < PART
        {
            let asked =
                self.rotations
                    .verification_keys(self.scope, self.selection, after, deadline);
            let page = asked.await?;
            let found = page.keys.into_iter();
            keys.extend(found.map(|key| Jwk::new(key.handle_id, &key.public_key)));
            self.next = page
                .next
                .map_or(Next::None, |after| Next::Page(Some(after)));
            // Other requests to the same worker have their turn between two pages.
            tokio::task::yield_now().await;
        }
        Ok(keys)
    }

    pub(crate) fn is_read(&self) -> bool {
        self.next == Next::None
    }

    /// What follows in the document behind its first part: that part, whole, less its end.
    pub(crate) fn into_rest(self) -> Rest {
        let rest = unfold(Some(self), |set| async {
            let mut set = set?;
            if set.is_read() {
                return Some((Ok(Bytes::from_static(END)), None));
            }
            match set.part(Deadline::after(PART_LIMIT)).await {
                Ok(keys) => Some((Ok(continuation(&keys)), Some(set))),
                Err(error) => Some((Err(BrokenOff(error)), None)),
            }
        });
        rest.boxed_local()
    }
}

/// A document that goes on, from one that is whole.
pub(crate) fn without_end(mut document: Bytes) -> Bytes {
    if document.ends_with(END) {
        document.truncate(document.len() - END.len());
    }
    document
}

/// More elements of an array that has some.
fn continuation(keys: &[Jwk]) -> Bytes {
    let array = serde_json::to_vec(keys).unwrap_or_default();
    let elements = array
        .strip_prefix(b"[")
        .and_then(|it| it.strip_suffix(b"]"));
    let elements = elements.unwrap_or_default();
    let mut text = BytesMut::with_capacity(elements.len() + 1);
    if !elements.is_empty() {
        text.put_u8(b',');
        text.put_slice(elements);
    }
    text.freeze()
}
