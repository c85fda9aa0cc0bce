//! From a scope to the handle that signs for it.

use std::collections::HashMap;

use parking_lot::RwLock;
use signer_domain::{HandleId, Scope};

/// What the registry said of the current keys, until it changes.
#[derive(Debug, Default)]
pub(crate) struct CurrentKeys(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    epoch: u64,
    handles: HashMap<Scope, HandleId>,
}

/// The state of the table when it did not know a scope. Any change since makes an answer that was
/// read meanwhile too old to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

impl CurrentKeys {
    /// The remembered handle.
    ///
    /// # Errors
    /// When none is remembered: the epoch under which the registry's answer may be remembered.
    pub(crate) fn recall(&self, scope: Scope) -> Result<HandleId, Epoch> {
        let table = self.0.read();
        table.handles.get(&scope).cloned().ok_or(Epoch(table.epoch))
    }

    /// Remembers what the registry said, unless a change came in between.
    pub(crate) fn remember(&self, scope: Scope, handle: HandleId, epoch: Epoch) {
        let mut table = self.0.write();
        if table.epoch == epoch.0 {
            table.handles.insert(scope, handle);
        }
    }

    /// Forgets a scope because its current key has changed.
    pub(crate) fn forget(&self, scope: Scope) {
        let mut table = self.0.write();
        table.epoch += 1;
        table.handles.remove(&scope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_read_before_a_change_is_not_remembered_after_it() {
        let currents = CurrentKeys::default();
        let old = HandleId::parse("software:platform|old").unwrap();
        let epoch = currents.recall(Scope::Platform).unwrap_err();
        currents.forget(Scope::Platform);
        currents.remember(Scope::Platform, old.clone(), epoch);
        let epoch = currents.recall(Scope::Platform).unwrap_err();
        currents.remember(Scope::Platform, old.clone(), epoch);
        assert_eq!(currents.recall(Scope::Platform), Ok(old));
    }
}
