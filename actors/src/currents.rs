//! From a scope to the handle that signs for it.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use signer_domain::{HandleId, Scope};

/// So many scopes are remembered at once.
const CAPACITY: usize = 65_536;

/// What the registry said of the current keys, until it changes.
#[derive(Debug, Default)]
pub(crate) struct CurrentKeys(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    epoch: u64,
    handles: HashMap<Scope, HandleId>,
    /// How many changes of a scope's current key are under way.
    changing: HashMap<Scope, usize>,
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

    /// Remembers what the registry said, unless a change came in between or is under way. When there
    /// is no room, all others are forgotten: the registry tells those that are in use again.
    pub(crate) fn remember(&self, scope: Scope, handle: HandleId, epoch: Epoch) {
        let mut table = self.0.write();
        if table.epoch == epoch.0 && !table.changing.contains_key(&scope) {
            if table.handles.len() >= CAPACITY {
                table.handles.clear();
            }
            table.handles.insert(scope, handle);
        }
    }

    /// Sends everybody to the registry while its change of a scope's current key is under way: others
    /// can see the change there before its answer has come back.
    pub(crate) fn begin_change(self: &Arc<Self>, scope: Scope) -> Change {
        let mut table = self.0.write();
        *table.changing.entry(scope).or_default() += 1;
        table.forget(scope);
        Change {
            currents: Arc::clone(self),
            scope,
        }
    }

    /// Forgets a scope because its current key has changed.
    pub(crate) fn forget(&self, scope: Scope) {
        self.0.write().forget(scope);
    }
}

impl Table {
    fn forget(&mut self, scope: Scope) {
        self.epoch += 1;
        self.handles.remove(&scope);
    }
}

/// A change of a scope's current key, for as long as it is under way.
#[derive(Debug)]
#[must_use]
pub(crate) struct Change {
    currents: Arc<CurrentKeys>,
    scope: Scope,
}

impl Drop for Change {
    fn drop(&mut self) {
        let mut table = self.currents.0.write();
        // What was read meanwhile may have been read before the change.
        table.forget(self.scope);
        if let Some(count) = table.changing.get_mut(&self.scope) {
            *count -= 1;
            if *count == 0 {
                table.changing.remove(&self.scope);
            }
        }
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

    #[test]
    fn no_more_scopes_are_remembered_than_there_is_room_for() {
        let currents = CurrentKeys::default();
        let recall = |scope| currents.recall(scope);
        let domain = |number: u128| Scope::Domain(uuid::Uuid::from_u128(number));
        let handle = HandleId::parse("software:platform|k1").unwrap();
        for number in 0..=u128::try_from(CAPACITY).unwrap() {
            let scope = domain(number);
            currents.remember(scope, handle.clone(), recall(scope).unwrap_err());
            assert_eq!(recall(scope), Ok(handle.clone()));
        }
        assert!(currents.0.read().handles.len() <= CAPACITY);
    }

    #[test]
    fn nothing_is_remembered_while_a_change_is_under_way() {
        let currents = Arc::new(CurrentKeys::default());
        let [old, new] = ["old", "new"]
            .map(|key_id| HandleId::parse(&format!("software:platform|{key_id}")).unwrap());
        let recall = || currents.recall(Scope::Platform);
        currents.remember(Scope::Platform, old.clone(), recall().unwrap_err());
        let changes = [(); 2].map(|()| currents.begin_change(Scope::Platform));
        let before = recall().unwrap_err();
        currents.remember(Scope::Platform, old.clone(), before);
        recall().unwrap_err();
        for change in changes {
            drop(change);
            currents.remember(Scope::Platform, old.clone(), before);
            recall().unwrap_err();
        }
        currents.remember(Scope::Platform, new.clone(), recall().unwrap_err());
        assert_eq!(recall(), Ok(new));
    }
}
