//! How a key is blocked, unblocked and released from quarantine. The registry alone is asked; the
//! provider is not needed.

use std::time::Instant;

use signer_domain::ports::{CustodyError, KeyRegistryError};
use signer_domain::{Deadline, KeyMark, KeyState, SigningKey};

use super::change::{Change, News};
use crate::errors::from_registry;

/// Blocks the key, unblocks it, or releases it from quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marking {
    /// It signs no more until it is unblocked.
    Block,
    /// It may sign again.
    Unblock,
    /// It may sign although a signature by it did not verify once.
    ReleaseQuarantine,
}

/// Marks the key. After a block nothing that was signed before leaves the process once this is answered.
///
/// # Errors
/// [`CustodyError::KeyRetired`]; [`CustodyError::KeyBlocked`] when a begun retirement keeps the block;
/// and others by cause.
pub(super) async fn mark(
    mut change: Change,
    marking: Marking,
    deadline: Deadline,
) -> Result<SigningKey, CustodyError> {
    if marking == Marking::Unblock {
        let own_acts = &change.means.own_acts;
        let told = own_acts.about_to_unblock(change.handle.clone(), Instant::now());
        told.await
            .map_err(|_unavailable| CustodyError::AuditUnavailable)?;
    }
    let key = match in_registry(&change, marking).await {
        Ok(key) => key,
        Err(KeyRegistryError::Conflict) => return Err(CustodyError::KeyNotFound),
        Err(error) => {
            // An answer that got lost may have been a yes, so the record is to be read again.
            change.tell(News::Doubt);
            return Err(from_registry(error));
        }
    };
    change.adopt(&key).await;
    if marking == Marking::ReleaseQuarantine {
        change.room.exit.trust();
    }
    change.over();
    if marking == Marking::Block {
        change.room.exit.released(deadline).await?;
    }
    if key.state == KeyState::Retired {
        return Err(CustodyError::KeyRetired);
    }
    if marking == Marking::Unblock && key.marks.blocked {
        return Err(CustodyError::KeyBlocked);
    }
    let (key_id, scope) = (&key.key_id, key.scope);
    tracing::warn!(%key_id, %scope, ?marking, "key marked on request");
    Ok(key)
}

async fn in_registry(change: &Change, marking: Marking) -> Result<SigningKey, KeyRegistryError> {
    let registry = change.means.ports.registry.as_ref();
    let handle = &change.handle;
    match marking {
        Marking::Block => registry.mark(handle, KeyMark::Blocked).await,
        Marking::Unblock => registry.unmark(handle, KeyMark::Blocked).await,
        Marking::ReleaseQuarantine => registry.unmark(handle, KeyMark::Quarantined).await,
    }
}
