//! A registry in memory: the rules over rows in maps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use signer_domain::ports::{
    CurrentKey, KeyNotices, KeyPage, KeyQuery, KeyRecords, KeyRegistryError, NOTICES, PendingKey,
    RegistryStore, RetirementStage,
};
use signer_domain::registry::{
    Change, ChangeKind, Engine, KeyRow, Refused, RegisteredKey, RotationRow, Rows,
};
use signer_domain::{HandleId, KeyId, ProviderName, RotationTransition, Scope, SigningKey};
use tokio::sync::Mutex;

use super::RegistryFixture;

/// A registry in memory. What is cloned from it is another opening of the same store.
#[derive(Debug, Clone, Default)]
pub struct MemoryRegistry {
    store: Arc<Mutex<Store>>,
    /// The number of the newest change in it.
    newest: Arc<AtomicU64>,
}

/// The rows. A copy of all of them is a transaction.
#[derive(Debug, Clone, Default)]
struct Store {
    seq: u64,
    /// By the number of the reservation.
    reserved: BTreeMap<u64, PendingKey>,
    /// By the number of the change that made it a key: the order of the listing.
    keys: BTreeMap<u64, RegisteredKey>,
    /// By the number of the reservation of the new key.
    rotations: BTreeMap<u64, RotationRow>,
}

#[async_trait]
impl Engine for MemoryRegistry {
    async fn change<T, W>(&self, kind: ChangeKind, work: W) -> Result<T, KeyRegistryError>
    where
        T: Send + 'static,
        W: for<'r> FnOnce(&'r mut dyn Rows) -> Change<'r, T> + Send + 'static,
    {
        let mut store = self.store.lock().await;
        let mut changed = store.clone();
        let outcome = work(&mut changed).await;
        let outcome = outcome.and_then(|value| changed.is_sound().map(|()| value));
        let value = outcome.map_err(|refused| refused.during(kind.context()))?;
        *store = changed;
        self.newest.store(store.seq, Ordering::Release);
        Ok(value)
    }

    async fn reservations(&self) -> Result<Vec<PendingKey>, KeyRegistryError> {
        Ok(self.store.lock().await.reserved.values().cloned().collect())
    }

    async fn unsettled(&self, stage: RetirementStage) -> Result<Vec<SigningKey>, KeyRegistryError> {
        let store = self.store.lock().await;
        Ok(match stage {
            RetirementStage::Begun => store.told(|row| row.is_retiring),
            RetirementStage::Unconfirmed => store.unconfirmed(),
        })
    }

    async fn open_in(&self, scope: &Scope) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let store = self.store.lock().await;
        let unclosed = store.unclosed_of(scope).cloned();
        Ok(unclosed.and_then(RotationRow::into_transition))
    }

    async fn opened_to(
        &self,
        scope: &Scope,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationTransition>, KeyRegistryError> {
        let store = self.store.lock().await;
        let rotation = store.to(scope, new_key_id).cloned();
        Ok(rotation.and_then(RotationRow::into_transition))
    }

    async fn open(&self) -> Result<Vec<RotationTransition>, KeyRegistryError> {
        let store = self.store.lock().await;
        let rotations = store.rotations.values().cloned();
        let opened = rotations.filter_map(RotationRow::into_transition);
        let mut open: Vec<_> = opened.filter(RotationTransition::is_open).collect();
        // The rows are in the order of their numbers, and the sort is stable.
        open.sort_by_key(|transition| transition.closes_at);
        Ok(open)
    }
}

#[async_trait]
impl Rows for Store {
    async fn next_seq(&mut self) -> Result<u64, Refused> {
        self.seq += 1;
        Ok(self.seq)
    }

    async fn key_named(
        &mut self,
        scope: &Scope,
        key_id: &KeyId,
    ) -> Result<Option<KeyRow>, Refused> {
        let mut reserved = self.reserved.values();
        let reserved = reserved.find(|row| (&row.scope, &row.key_id) == (scope, key_id));
        let mut keys = self.keys.values();
        let key = keys.find(|row| (&row.key.scope, &row.key.key_id) == (scope, key_id));
        let reserved = reserved.cloned().map(KeyRow::Reserved);
        Ok(reserved.or_else(|| key.cloned().map(KeyRow::Registered)))
    }

    async fn key_of(&mut self, handle: &HandleId) -> Result<Option<RegisteredKey>, Refused> {
        Ok(self.of_handle(handle).cloned())
    }

    async fn current_or_any(&mut self, scope: &Scope) -> Result<Option<RegisteredKey>, Refused> {
        Ok(self.current_or_any_of(scope).cloned())
    }

    async fn unclosed_rotation(&mut self, scope: &Scope) -> Result<Option<RotationRow>, Refused> {
        Ok(self.unclosed_of(scope).cloned())
    }

    async fn rotation_to(
        &mut self,
        scope: &Scope,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationRow>, Refused> {
        Ok(self.to(scope, new_key_id).cloned())
    }

    async fn reserve(&mut self, pending: &PendingKey, _at: Timestamp) -> Result<(), Refused> {
        self.reserved.insert(pending.reservation, pending.clone());
        Ok(())
    }

    async fn activate(
        &mut self,
        was: &PendingKey,
        is: &RegisteredKey,
        seq: u64,
    ) -> Result<(), Refused> {
        let found = self.reserved.remove(&was.reservation);
        found
            .filter(|found| found == was)
            .ok_or(Refused::Conflict)?;
        self.keys.insert(seq, is.clone());
        Ok(())
    }

    async fn replace_key(
        &mut self,
        was: &RegisteredKey,
        is: &RegisteredKey,
        _seq: u64,
    ) -> Result<(), Refused> {
        let mut keys = self.keys.values_mut();
        let row = keys.find(|row| *row == was).ok_or(Refused::Conflict)?;
        *row = is.clone();
        Ok(())
    }

    async fn forget(&mut self, pending: &PendingKey) -> Result<(), Refused> {
        self.reserved.remove(&pending.reservation);
        self.rotations.remove(&pending.reservation);
        Ok(())
    }

    async fn insert_rotation(
        &mut self,
        is: &RotationRow,
        _at: Timestamp,
        _seq: u64,
    ) -> Result<(), Refused> {
        self.rotations.insert(is.reservation, is.clone());
        Ok(())
    }

    async fn replace_rotation(
        &mut self,
        was: &RotationRow,
        is: &RotationRow,
        _seq: u64,
    ) -> Result<(), Refused> {
        let row = self.rotations.get_mut(&was.reservation);
        let row = row.filter(|row| *row == was).ok_or(Refused::Conflict)?;
        *row = is.clone();
        Ok(())
    }
}

impl Store {
    fn of_handle(&self, handle: &HandleId) -> Option<&RegisteredKey> {
        self.keys.values().find(|row| row.key.handle_id == *handle)
    }

    fn current_or_any_of(&self, scope: &Scope) -> Option<&RegisteredKey> {
        let mut keys = self.keys.values().filter(|row| row.key.scope == *scope);
        let any = keys.clone().next();
        keys.find(|row| row.key.current).or(any)
    }

    fn unclosed_of(&self, scope: &Scope) -> Option<&RotationRow> {
        let is_closed = |row: &RotationRow| {
            let opened = row.opened.as_ref();
            opened.is_some_and(|opened| opened.closed_at.is_some())
        };
        let mut rotations = self.rotations.values();
        rotations.find(|row| row.scope == *scope && !is_closed(row))
    }

    fn to(&self, scope: &Scope, new_key_id: &KeyId) -> Option<&RotationRow> {
        let mut rotations = self.rotations.values();
        rotations.find(|row| (&row.scope, &row.new_key_id) == (scope, new_key_id))
    }

    /// The keys of which `is_wanted` is true, as the port tells them.
    fn told(&self, is_wanted: impl Fn(&RegisteredKey) -> bool) -> Vec<SigningKey> {
        let wanted = self.keys.values().filter(|row| is_wanted(row));
        wanted.map(RegisteredKey::record).collect()
    }

    fn unconfirmed(&self) -> Vec<SigningKey> {
        let mut rows: Vec<_> = self.keys.values().collect();
        rows.retain(|row| row.key.marks.unconfirmed);
        rows.sort_by_key(|row| (row.key.valid_until, row.reservation));
        rows.into_iter().map(RegisteredKey::record).collect()
    }

    /// The constraints of the store.
    fn is_sound(&self) -> Result<(), Refused> {
        let (mut names, mut handles) = (BTreeSet::new(), BTreeSet::new());
        let (mut current, mut rotated) = (BTreeSet::new(), BTreeSet::new());
        let reserved = self.reserved.values();
        let is_unique = reserved.map(|row| (row.scope, &row.key_id));
        let registered = self
            .keys
            .values()
            .map(|row| (row.key.scope, &row.key.key_id));
        let are_names_unique = is_unique
            .chain(registered)
            .all(|(scope, key_id)| names.insert((scope.to_string(), key_id.as_str())));
        let are_keys_sound = self.keys.values().all(|RegisteredKey { key, .. }| {
            handles.insert(key.handle_id.as_str())
                && (!key.current
                    || (key.state.as_str() == "active" && current.insert(key.scope.to_string())))
        });
        let mut unclosed = self.rotations.values().filter(|row| {
            let opened = row.opened.as_ref();
            opened.is_none_or(|opened| opened.closed_at.is_none())
        });
        let is_rotated_once = unclosed.all(|row| rotated.insert(row.scope.to_string()));
        if are_names_unique && are_keys_sound && is_rotated_once {
            Ok(())
        } else {
            Err(Refused::Failed("constraint failed".into()))
        }
    }
}

#[async_trait]
impl KeyRecords for MemoryRegistry {
    async fn find(&self, handle: &HandleId) -> Result<Option<SigningKey>, KeyRegistryError> {
        let store = self.store.lock().await;
        Ok(store.of_handle(handle).map(RegisteredKey::record))
    }

    async fn any_of(&self, provider: ProviderName) -> Result<Option<SigningKey>, KeyRegistryError> {
        let store = self.store.lock().await;
        let is_of =
            |row: &&RegisteredKey| row.key.provider() == provider && row.key.state.may_sign();
        Ok(store.keys.values().find(is_of).map(RegisteredKey::record))
    }

    async fn current(&self, scope: &Scope) -> Result<CurrentKey, KeyRegistryError> {
        let store = self.store.lock().await;
        let key = store.current_or_any_of(scope);
        Ok(CurrentKey::of(key.map(RegisteredKey::record)))
    }

    async fn list(&self, query: &KeyQuery) -> Result<KeyPage, KeyRegistryError> {
        let Some(first) = query.after.unwrap_or(0).checked_add(1) else {
            return Ok(KeyPage {
                keys: Vec::new(),
                next: None,
            });
        };
        let store = self.store.lock().await;
        let matching = store.keys.range(first..).filter(|(_, row)| {
            query.scope.is_none_or(|scope| scope == row.key.scope)
                && query.state.is_none_or(|state| state == row.key.state)
        });
        let limit = usize::try_from(query.limit.get()).unwrap();
        let mut rows: Vec<_> = matching.take(limit.saturating_add(1)).collect();
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().map(|(listed, _)| **listed);
        Ok(KeyPage {
            keys: rows.into_iter().map(|(_, row)| row.record()).collect(),
            next: last.filter(|_| has_more),
        })
    }

    async fn notices(&self) -> Result<KeyNotices, KeyRegistryError> {
        let store = self.store.lock().await;
        let blocked = |row: &RegisteredKey| row.key.marks.blocked;
        let retiring = |row: &RegisteredKey| row.is_retiring && !blocked(row);
        let quarantined =
            |row: &RegisteredKey| row.key.marks.quarantined && !blocked(row) && !row.is_retiring;
        let mut notices = KeyNotices::default();
        for keys in [
            store.told(blocked),
            store.told(retiring),
            store.told(quarantined),
            store.unconfirmed(),
        ] {
            notices.keys.extend(keys.into_iter().take(most()));
        }
        let scopes: BTreeMap<_, _> = store
            .keys
            .values()
            .map(|row| (row.key.scope.to_string(), row.key.scope))
            .collect();
        let has_none = |scope: &Scope| {
            store
                .current_or_any_of(scope)
                .is_some_and(|row| !row.key.current)
        };
        let scopes = scopes.into_values().filter(has_none);
        notices.scopes_without_current = scopes.take(most()).collect();
        Ok(notices)
    }
}

#[async_trait]
impl RegistryStore for MemoryRegistry {
    fn identity(&self) -> &'static str {
        "00000000000000000000000000000000"
    }

    fn newest_change(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    fn lease_holds(&self) -> Result<(), KeyRegistryError> {
        Ok(())
    }

    async fn check(&self) -> Result<(), KeyRegistryError> {
        Ok(())
    }

    async fn close(&self) -> Result<(), KeyRegistryError> {
        Ok(())
    }
}

/// How long a list of notices is at most.
fn most() -> usize {
    usize::try_from(NOTICES).unwrap()
}

/// An empty store in memory.
#[derive(Debug)]
pub struct MemoryFixture(MemoryRegistry);

#[async_trait]
impl RegistryFixture for MemoryFixture {
    type Registry = MemoryRegistry;

    async fn fresh() -> Self {
        Self(MemoryRegistry::default())
    }

    async fn open(&self) -> MemoryRegistry {
        self.0.clone()
    }

    async fn open_again(&self, registry: MemoryRegistry) -> MemoryRegistry {
        drop(registry);
        self.0.clone()
    }
}
