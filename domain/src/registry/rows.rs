//! What a store does inside one transaction.

use async_trait::async_trait;
use jiff::Timestamp;

use super::refused::Refused;
use crate::ports::PendingKey;
use crate::{HandleId, KeyId, RotationTransition, Scope, SigningKey};

/// The rows of one transaction: reading and writing, without any rule.
///
/// A call sees what the calls before it wrote, and nobody else writes meanwhile. What a rule has read
/// it hands over when it writes, so a store can tell which columns, indexes and news the write
/// concerns. The constraints of the store hold besides: unique names, handles and current keys, and one
/// unclosed rotation a scope.
#[async_trait]
pub trait Rows: Send {
    /// Counts a change and gives its number, which is greater than that of every change that was made
    /// before, also of reservations abandoned since.
    async fn next_seq(&mut self) -> Result<u64, Refused>;

    /// What stands under a name.
    async fn key_named(&mut self, scope: &Scope, key_id: &KeyId)
    -> Result<Option<KeyRow>, Refused>;

    /// The key that has the handle.
    async fn key_of(&mut self, handle: &HandleId) -> Result<Option<RegisteredKey>, Refused>;

    /// The current key of the scope, or else any key of it, which tells a scope that lost its current
    /// key from one that never had any.
    async fn current_or_any(&mut self, scope: &Scope) -> Result<Option<RegisteredKey>, Refused>;

    /// The rotation of the scope that is open or being opened.
    async fn unclosed_rotation(&mut self, scope: &Scope) -> Result<Option<RotationRow>, Refused>;

    /// The rotation to a key, open, being opened or closed. There is one at most: a name is taken once.
    async fn rotation_to(
        &mut self,
        scope: &Scope,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationRow>, Refused>;

    /// Writes a reservation, whose number is that of this change.
    async fn reserve(&mut self, pending: &PendingKey, at: Timestamp) -> Result<(), Refused>;

    /// Makes a reservation a key, which is listed behind all others. A scope that had no current key
    /// has one from here on if `is` is.
    async fn activate(
        &mut self,
        was: &PendingKey,
        is: &RegisteredKey,
        seq: u64,
    ) -> Result<(), Refused>;

    /// Puts `is` in the place of `was`, and refuses with [`Conflict`](Refused::Conflict) when the row
    /// has another version than `was`. A scope whose current key is retired has none from here on.
    async fn replace_key(
        &mut self,
        was: &RegisteredKey,
        is: &RegisteredKey,
        seq: u64,
    ) -> Result<(), Refused>;

    /// Deletes a reservation, and the rotation that it was made for.
    async fn forget(&mut self, pending: &PendingKey) -> Result<(), Refused>;

    /// Writes a rotation that was not there.
    async fn insert_rotation(
        &mut self,
        is: &RotationRow,
        at: Timestamp,
        seq: u64,
    ) -> Result<(), Refused>;

    /// Writes how far a rotation has come.
    async fn replace_rotation(
        &mut self,
        was: &RotationRow,
        is: &RotationRow,
        seq: u64,
    ) -> Result<(), Refused>;
}

/// What stands under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRow {
    /// A reserved name.
    Reserved(PendingKey),
    /// A key, in whatever state.
    Registered(RegisteredKey),
}

/// A key as a store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredKey {
    /// The number of the reservation that it comes from.
    pub reservation: u64,
    /// The record, but for one mark: `blocked` says here whether an operator blocked the key.
    /// [`record`](Self::record) says what the port says.
    pub key: SigningKey,
    /// Whether the retirement of the key has begun and is not over.
    pub is_retiring: bool,
}

impl RegisteredKey {
    /// The record, as the port tells it.
    #[must_use]
    pub fn record(&self) -> SigningKey {
        self.clone().into_record()
    }

    /// The record, as the port tells it.
    #[must_use]
    pub fn into_record(self) -> SigningKey {
        let mut key = self.key;
        key.marks.blocked |= self.is_retiring;
        key
    }
}

/// A rotation as a store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationRow {
    /// The number of the reservation of its new key.
    pub reservation: u64,
    /// The scope whose current key changes.
    pub scope: Scope,
    /// The name of the key that was the current one.
    pub old_key_id: KeyId,
    /// The name of the key that takes its place.
    pub new_key_id: KeyId,
    /// What it has been since it was opened; none while it is being opened.
    pub opened: Option<OpenedRotation>,
}

/// A rotation since it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedRotation {
    /// The handle of the key that was the current one.
    pub old_handle_id: HandleId,
    /// The handle of the key that took its place.
    pub new_handle_id: HandleId,
    /// When the new key took over.
    pub opened_at: Timestamp,
    /// When the rotation is due to be closed.
    pub closes_at: Timestamp,
    /// When it was closed; none while it is open.
    pub closed_at: Option<Timestamp>,
}

impl RotationRow {
    /// The rotation, as the port tells it; none while it is being opened.
    #[must_use]
    pub fn into_transition(self) -> Option<RotationTransition> {
        let opened = self.opened?;
        Some(RotationTransition {
            scope: self.scope,
            old_key_id: self.old_key_id,
            new_key_id: self.new_key_id,
            old_handle_id: opened.old_handle_id,
            new_handle_id: opened.new_handle_id,
            opened_at: opened.opened_at,
            closes_at: opened.closes_at,
            closed_at: opened.closed_at,
        })
    }
}
