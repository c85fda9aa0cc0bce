//! The changes of rotations: each reads what stands, decides, and writes, inside a transaction of its
//! caller.

use jiff::Timestamp;
use signer_domain::ports::{CurrentKey, GeneratedKey, PendingKey, Purpose, RotationReservation};
use signer_domain::{
    HandleId, KeyChange, KeyId, KeyMark, KeyState, RotationTransition, Scope, SigningKey,
};
use sqlx::sqlite::SqliteConnection;

use super::queries;
use crate::registry::sqlite::changes::{
    Activation, Wanted, activate, change_state, insert, is_same_pair, next_seq,
};
use crate::registry::sqlite::failure::Failure;
use crate::registry::sqlite::lookup::{by_handle, by_name};
use crate::registry::sqlite::marks;
use crate::registry::sqlite::queries::current;
use crate::registry::sqlite::record::Record;

/// Reserves a name that is free for the key that shall follow the scope's current one; otherwise says
/// what is in the way.
pub(super) async fn reserve(
    connection: &mut SqliteConnection,
    wanted: Wanted,
) -> Result<RotationReservation, Failure> {
    match by_name(connection, &wanted.scope, &wanted.key_id).await? {
        Some(Record::Pending(pending)) => {
            return Ok(match pending.purpose {
                Purpose::Generate => RotationReservation::NameTaken,
                Purpose::Rotate => RotationReservation::AlreadyPending(pending),
            });
        }
        Some(Record::Standing(key)) => return standing(connection, key).await,
        None => {}
    }
    if queries::is_rotated(connection, &wanted.scope).await? {
        return Ok(RotationReservation::InProgress);
    }
    let old = match current(connection, wanted.scope).await? {
        CurrentKey::Key(key) => key,
        CurrentKey::Retired => return Ok(RotationReservation::CurrentRetired),
        CurrentKey::Unknown => return Ok(RotationReservation::UnknownScope),
    };
    let pending = insert(connection, &wanted, Purpose::Rotate).await?;
    sqlx::query(
        "INSERT INTO rotation (id, scope, old_key_id, new_key_id, reserved_at, seq)
         SELECT id, scope, ?3, key_id, reserved_at, seq FROM signing_key
         WHERE scope = ?1 AND key_id = ?2",
    )
    .bind(wanted.scope.to_string())
    .bind(wanted.key_id.as_str())
    .bind(old.key_id.as_str())
    .execute(connection)
    .await?;
    Ok(RotationReservation::Reserved(pending))
}

/// What the reservation of a name leads to that belongs to a key. One that was generated ahead may take
/// the place of the current key.
async fn standing(
    connection: &mut SqliteConnection,
    key: SigningKey,
) -> Result<RotationReservation, Failure> {
    if let Some(rotation) = queries::to(connection, &key.scope, &key.key_id).await? {
        return Ok(RotationReservation::Standing(rotation));
    }
    if key.state != KeyState::Active || key.current {
        return Ok(RotationReservation::NameTaken);
    }
    if queries::is_rotated(connection, &key.scope).await? {
        return Ok(RotationReservation::InProgress);
    }
    Ok(match current(connection, key.scope).await? {
        CurrentKey::Key(_) => RotationReservation::KeyStands(key),
        CurrentKey::Retired | CurrentKey::Unknown => RotationReservation::CurrentRetired,
    })
}

/// A rotation to a key that stands.
#[derive(Debug)]
pub(super) struct Succession {
    pub(super) key: SigningKey,
    pub(super) at: Timestamp,
    pub(super) closes_at: Timestamp,
}

/// Puts a key that stands in the place of the current one.
pub(super) async fn rotate_to(
    connection: &mut SqliteConnection,
    succession: Succession,
) -> Result<RotationTransition, Failure> {
    let Succession { key, at, closes_at } = succession;
    let found = by_handle(connection, &key.handle_id).await?;
    let found = found
        .filter(|found| *found == key)
        .ok_or(Failure::Conflict)?;
    let RotationReservation::KeyStands(key) = standing(connection, found).await? else {
        return Err(Failure::Conflict);
    };
    let CurrentKey::Key(old) = current(connection, key.scope).await? else {
        return Err(Failure::Conflict);
    };
    let old = change_state(connection, &old, KeyChange::Superseded, closes_at).await?;
    let seq = next_seq(connection).await?;
    sqlx::query(
        "UPDATE signing_key SET is_current = 1, version = version + 1, seq = ?2
         WHERE handle_id = ?1",
    )
    .bind(key.handle_id.as_str())
    .bind(seq)
    .execute(&mut *connection)
    .await?;
    let seq = next_seq(connection).await?;
    sqlx::query(
        "INSERT INTO rotation
             (id, scope, old_key_id, new_key_id, reserved_at, opened_at, closes_at, seq)
         SELECT id, scope, ?2, key_id, ?3, ?3, ?4, ?5 FROM signing_key WHERE handle_id = ?1",
    )
    .bind(key.handle_id.as_str())
    .bind(old.key_id.as_str())
    .bind(at.as_microsecond())
    .bind(closes_at.as_microsecond())
    .bind(seq)
    .execute(&mut *connection)
    .await?;
    opened(connection, &key.scope, &key.key_id).await
}

/// A rotation that is to be opened.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) pending: PendingKey,
    pub(super) generated: GeneratedKey,
    pub(super) at: Timestamp,
    pub(super) closes_at: Timestamp,
}

/// Puts the new key in the place of the old one.
pub(super) async fn open(
    connection: &mut SqliteConnection,
    opening: Opening,
) -> Result<RotationTransition, Failure> {
    let Opening {
        pending,
        generated,
        at,
        closes_at,
    } = opening;
    let (scope, new_key_id) = (pending.scope, pending.key_id.clone());
    match pending.purpose {
        Purpose::Generate => return Err(Failure::Conflict),
        Purpose::Rotate => {}
    }
    match by_name(connection, &scope, &new_key_id).await? {
        Some(Record::Pending(found)) if found == pending => {}
        Some(Record::Standing(key)) if is_same_pair(&key, &generated) => {
            return opened(connection, &scope, &new_key_id).await;
        }
        Some(Record::Pending(_) | Record::Standing(_)) | None => return Err(Failure::Conflict),
    }
    supersede(connection, &scope, &new_key_id, closes_at).await?;
    let activation = Activation {
        pending,
        generated,
        at,
        current: true,
    };
    activate(connection, activation).await?;
    let seq = next_seq(connection).await?;
    sqlx::query(
        "UPDATE rotation SET opened_at = ?3, closes_at = ?4, seq = ?5
         WHERE scope = ?1 AND new_key_id = ?2",
    )
    .bind(scope.to_string())
    .bind(new_key_id.as_str())
    .bind(at.as_microsecond())
    .bind(closes_at.as_microsecond())
    .bind(seq)
    .execute(&mut *connection)
    .await?;
    opened(connection, &scope, &new_key_id).await
}

/// Takes the mark from the key that was the current one when the rotation was reserved. A key that was
/// retired since has none, and stays retired.
async fn supersede(
    connection: &mut SqliteConnection,
    scope: &Scope,
    new_key_id: &KeyId,
    valid_until: Timestamp,
) -> Result<(), Failure> {
    let old = queries::old_key(connection, scope, new_key_id).await?;
    let old = old.ok_or(Failure::Conflict)?;
    match current(connection, *scope).await? {
        CurrentKey::Key(key) if key == old => {
            change_state(connection, &old, KeyChange::Superseded, valid_until).await?;
            Ok(())
        }
        CurrentKey::Retired if old.state == KeyState::Retired => Ok(()),
        CurrentKey::Key(_) | CurrentKey::Retired | CurrentKey::Unknown => Err(Failure::Conflict),
    }
}

async fn opened(
    connection: &mut SqliteConnection,
    scope: &Scope,
    new_key_id: &KeyId,
) -> Result<RotationTransition, Failure> {
    let transition = queries::to(connection, scope, new_key_id).await?;
    transition.ok_or(Failure::Conflict)
}

/// Retires the old key, if nobody has yet, and leaves its provider to be told.
pub(super) async fn close(
    connection: &mut SqliteConnection,
    believed: RotationTransition,
    at: Timestamp,
) -> Result<RotationTransition, Failure> {
    let RotationTransition {
        scope,
        old_key_id,
        new_key_id,
        ..
    } = &believed;
    let transition = queries::between(connection, scope, old_key_id, new_key_id).await?;
    let is_believed = |found: &RotationTransition| {
        found.old_handle_id == believed.old_handle_id
            && found.new_handle_id == believed.new_handle_id
    };
    let transition = transition.filter(is_believed).ok_or(Failure::Conflict)?;
    if !transition.is_open() {
        return Ok(transition);
    }
    let old = by_handle(connection, &transition.old_handle_id).await?;
    let old = old.ok_or(Failure::Conflict)?;
    if old.state != KeyState::Retired {
        change_state(connection, &old, KeyChange::Retired, at).await?;
        sqlx::query("UPDATE signing_key SET unconfirmed = 1 WHERE handle_id = ?1")
            .bind(old.handle_id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    let seq = next_seq(connection).await?;
    sqlx::query(
        "UPDATE rotation SET closed_at = ?3, seq = ?4 WHERE scope = ?1 AND new_key_id = ?2",
    )
    .bind(scope.to_string())
    .bind(new_key_id.as_str())
    .bind(at.as_microsecond())
    .bind(seq)
    .execute(&mut *connection)
    .await?;
    opened(connection, scope, new_key_id).await
}

/// Notes that the provider of a retired key has been told.
pub(super) async fn confirm(
    connection: &mut SqliteConnection,
    handle: HandleId,
) -> Result<(), Failure> {
    if by_handle(connection, &handle).await?.is_some() {
        marks::set(connection, handle, KeyMark::Unconfirmed, false).await?;
    }
    Ok(())
}
