//! The changes of keys' records that are under way and do not go through the actors of the keys.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use signer_domain::HandleId;

/// Whose record is being changed by somebody else than its actor. Others can see such a change in the
/// registry before its answer has come back, so meanwhile each request reads the record anew.
#[derive(Debug, Default)]
pub(crate) struct RecordChanges {
    handles: Mutex<HashMap<HandleId, usize>>,
    /// As many as there are, so that a sign need not take the lock while nothing changes.
    count: AtomicUsize,
}

impl RecordChanges {
    /// Notes that a record is about to be changed.
    pub(crate) fn begin(self: &Arc<Self>, handle: &HandleId) -> RecordChange {
        let mut handles = self.handles.lock();
        *handles.entry(handle.clone()).or_default() += 1;
        self.count.store(handles.len(), Ordering::SeqCst);
        RecordChange {
            changes: Arc::clone(self),
            handle: handle.clone(),
        }
    }

    /// Whether the record of a key is being changed.
    pub(crate) fn is_under_way(&self, handle: &HandleId) -> bool {
        self.count.load(Ordering::SeqCst) != 0 && self.handles.lock().contains_key(handle)
    }
}

/// A change of a key's record, for as long as it is under way.
#[derive(Debug)]
#[must_use]
pub(crate) struct RecordChange {
    changes: Arc<RecordChanges>,
    handle: HandleId,
}

impl Drop for RecordChange {
    fn drop(&mut self) {
        let mut handles = self.changes.handles.lock();
        if let Some(count) = handles.get_mut(&self.handle) {
            *count -= 1;
            if *count == 0 {
                handles.remove(&self.handle);
            }
        }
        self.changes.count.store(handles.len(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_under_way_until_the_last_of_its_key_is_over() {
        let changes = Arc::new(RecordChanges::default());
        let [key, other] =
            ["k1", "k2"].map(|name| HandleId::parse(&format!("software:platform|{name}")).unwrap());
        let two = [(); 2].map(|()| changes.begin(&key));
        for change in two {
            assert!(changes.is_under_way(&key) && !changes.is_under_way(&other));
            drop(change);
        }
        assert!(!changes.is_under_way(&key));
    }
}
