//! The changes: each reads what stands, decides, and writes, inside a transaction of its caller.

use jiff::Timestamp;
use signer_domain::ports::{Abandonment, GeneratedKey, PendingKey, Purpose, Reservation};
use signer_domain::{
    HandleId, KeyChange, KeyId, KeyMark, KeyState, ProviderName, Scope, SigningKey,
};
use sqlx::sqlite::SqliteConnection;

use super::failure::Failure;
use super::lookup::{by_handle, by_name};
use super::marks::{self, note_current, note_no_current};
use super::record::{Record, columns, purpose_name};
use super::rotation;

/// A name that is asked for.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) scope: Scope,
    pub(super) key_id: KeyId,
    pub(super) provider: ProviderName,
    pub(super) at: Timestamp,
}

/// Reserves a name that is free; otherwise says what has it.
pub(super) async fn reserve(
    connection: &mut SqliteConnection,
    wanted: Wanted,
) -> Result<Reservation, Failure> {
    match by_name(connection, &wanted.scope, &wanted.key_id).await? {
        Some(Record::Pending(pending)) => {
            return Ok(match pending.purpose {
                Purpose::Generate => Reservation::AlreadyPending(pending),
                Purpose::Rotate => Reservation::RotationInProgress,
            });
        }
        Some(Record::Standing(key)) => return Ok(Reservation::Standing(key)),
        None => {}
    }
    if rotation::is_rotated(connection, &wanted.scope).await? {
        return Ok(Reservation::RotationInProgress);
    }
    let pending = insert(connection, &wanted, Purpose::Generate).await?;
    Ok(Reservation::Reserved(pending))
}

/// Writes the reservation of a name that is free.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    wanted: &Wanted,
    purpose: Purpose,
) -> Result<PendingKey, Failure> {
    let seq = next_seq(connection).await?;
    let row = sqlx::query(concat!(
        "INSERT INTO signing_key
             (id, scope, key_id, provider, state, is_current, reserved_at, version, seq,
              purpose)
         VALUES (?5, ?1, ?2, ?3, 'pending', 0, ?4, 0, ?5, ?6)
         RETURNING ",
        columns!()
    ))
    .bind(wanted.scope.to_string())
    .bind(wanted.key_id.as_str())
    .bind(wanted.provider.as_str())
    .bind(wanted.at.as_microsecond())
    .bind(seq)
    .bind(purpose_name(purpose))
    .fetch_one(connection)
    .await?;
    Record::read(&row)?.pending().ok_or(Failure::Conflict)
}

/// Turns a reservation that no rotation made into an active key, the current one when its scope has
/// none and no rotation is about to give it one.
pub(super) async fn complete(
    connection: &mut SqliteConnection,
    pending: PendingKey,
    generated: GeneratedKey,
    at: Timestamp,
) -> Result<SigningKey, Failure> {
    match pending.purpose {
        Purpose::Generate => {}
        Purpose::Rotate => return Err(Failure::Conflict),
    }
    match by_name(connection, &pending.scope, &pending.key_id).await? {
        Some(Record::Pending(found)) if found == pending => {}
        Some(Record::Standing(key)) if is_same_pair(&key, &generated) => return Ok(key),
        Some(Record::Pending(_) | Record::Standing(_)) | None => return Err(Failure::Conflict),
    }
    let is_vacant = "SELECT NOT EXISTS (SELECT 1 FROM signing_key WHERE scope = ?1 AND is_current = 1)
                        AND NOT EXISTS (SELECT 1 FROM rotation WHERE scope = ?1 AND closed_at IS NULL)";
    let current = sqlx::query_scalar(is_vacant)
        .bind(pending.scope.to_string())
        .fetch_one(&mut *connection)
        .await?;
    let activation = Activation {
        pending,
        generated,
        at,
        current,
    };
    activate(connection, activation).await
}

/// A reservation that is to become an active key.
#[derive(Debug)]
pub(super) struct Activation {
    pub(super) pending: PendingKey,
    pub(super) generated: GeneratedKey,
    pub(super) at: Timestamp,
    pub(super) current: bool,
}

/// Writes the key of a reservation that waits, if the handle is its provider's and nobody else's.
pub(super) async fn activate(
    connection: &mut SqliteConnection,
    activation: Activation,
) -> Result<SigningKey, Failure> {
    let Activation {
        pending, generated, ..
    } = &activation;
    let handle_is_foreign = generated.handle_id.provider() != pending.provider;
    if handle_is_foreign || by_handle(connection, &generated.handle_id).await?.is_some() {
        return Err(Failure::Conflict);
    }
    if activation.current {
        note_current(connection, &pending.scope).await?;
    }
    let seq = next_seq(connection).await?;
    let row = sqlx::query(concat!(
        "UPDATE signing_key
         SET state = 'active', handle_id = ?3, public_key = ?4, valid_from = ?5,
             listed = ?6, seq = ?6, version = version + 1, is_current = ?7
         WHERE scope = ?1 AND key_id = ?2 AND state = 'pending'
         RETURNING ",
        columns!()
    ))
    .bind(pending.scope.to_string())
    .bind(pending.key_id.as_str())
    .bind(generated.handle_id.as_str())
    .bind(generated.public_key.as_bytes().as_slice())
    .bind(activation.at.as_microsecond())
    .bind(seq)
    .bind(activation.current)
    .fetch_one(connection)
    .await?;
    Record::read(&row)?.standing().ok_or(Failure::Conflict)
}

/// Deletes a reservation, if it is still there, and the rotation that it was made for. A later one of
/// the same name has another number.
pub(super) async fn abandon(
    connection: &mut SqliteConnection,
    pending: PendingKey,
) -> Result<Abandonment, Failure> {
    match by_name(connection, &pending.scope, &pending.key_id).await? {
        Some(Record::Pending(found)) if found == pending => {}
        Some(Record::Pending(_) | Record::Standing(_)) | None => return Ok(Abandonment::NotThere),
    }
    for delete in [
        "DELETE FROM rotation WHERE scope = ?1 AND new_key_id = ?2",
        "DELETE FROM signing_key WHERE scope = ?1 AND key_id = ?2",
    ] {
        sqlx::query(delete)
            .bind(pending.scope.to_string())
            .bind(pending.key_id.as_str())
            .execute(&mut *connection)
            .await?;
    }
    next_seq(connection).await?;
    Ok(Abandonment::Done)
}

/// Retires the key that has this handle and this version. Its provider has been told.
pub(super) async fn retire(
    connection: &mut SqliteConnection,
    handle: HandleId,
    version: u64,
    at: Timestamp,
) -> Result<SigningKey, Failure> {
    let key = by_handle(connection, &handle).await?;
    let key = key.ok_or(Failure::Conflict)?;
    if key.state == KeyState::Retired {
        return marks::set(connection, handle, KeyMark::Unconfirmed, false).await;
    }
    if key.version != version {
        return Err(Failure::Conflict);
    }
    if rotation::is_newer_of_two(connection, &key).await? {
        return Err(Failure::RotationInProgress);
    }
    change_state(connection, &key, KeyChange::Retired, at).await
}

/// Lets `change` happen to a key, which is no more the current one from here on. A retirement settles
/// what was noted of it and takes the marks away that concern signing.
pub(super) async fn change_state(
    connection: &mut SqliteConnection,
    key: &SigningKey,
    change: KeyChange,
    valid_until: Timestamp,
) -> Result<SigningKey, Failure> {
    let state = key.state.after(change)?;
    if key.current && change == KeyChange::Retired {
        note_no_current(connection, &key.scope).await?;
    }
    let seq = next_seq(connection).await?;
    let row = sqlx::query(concat!(
        "UPDATE signing_key
         SET state = ?3, is_current = 0, valid_until = ?4, version = version + 1, seq = ?5,
             retiring = retiring AND ?3 <> 'retired',
             blocked = blocked AND ?3 <> 'retired',
             quarantined = quarantined AND ?3 <> 'retired'
         WHERE handle_id = ?1 AND version = ?2
         RETURNING ",
        columns!()
    ))
    .bind(key.handle_id.as_str())
    .bind(i64::try_from(key.version).map_err(|_too_large| Failure::Conflict)?)
    .bind(state.as_str())
    .bind(valid_until.as_microsecond())
    .bind(seq)
    .fetch_optional(connection)
    .await?;
    let row = row.ok_or(Failure::Conflict)?;
    Record::read(&row)?.standing().ok_or(Failure::Conflict)
}

pub(super) fn is_same_pair(key: &SigningKey, generated: &GeneratedKey) -> bool {
    key.handle_id == generated.handle_id && key.public_key == generated.public_key
}

/// Counts a change and gives its number.
pub(super) async fn next_seq(connection: &mut SqliteConnection) -> Result<i64, Failure> {
    let next = "UPDATE registry_change SET seq = seq + 1 RETURNING seq";
    Ok(sqlx::query_scalar(next).fetch_one(connection).await?)
}
