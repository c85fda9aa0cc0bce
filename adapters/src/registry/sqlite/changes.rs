//! The changes: each reads what stands, decides, and writes, inside a transaction of its caller.

use jiff::Timestamp;
use signer_domain::ports::{GeneratedKey, PendingKey, Reservation};
use signer_domain::{HandleId, KeyId, KeyState, ProviderName, Scope, SigningKey};
use sqlx::sqlite::SqliteConnection;

use super::failure::Failure;
use super::lookup::{by_handle, by_name};
use super::record::{Record, columns};

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
        Some(Record::Pending(pending)) => return Ok(Reservation::AlreadyPending(pending)),
        Some(Record::Standing(key)) => return Ok(Reservation::Standing(key)),
        None => {}
    }
    let seq = next_seq(connection).await?;
    let row = sqlx::query(concat!(
        "INSERT INTO signing_key
             (id, scope, key_id, provider, state, is_current, reserved_at, version, seq)
         VALUES (?5, ?1, ?2, ?3, 'pending', 0, ?4, 0, ?5)
         RETURNING ",
        columns!()
    ))
    .bind(wanted.scope.to_string())
    .bind(wanted.key_id.as_str())
    .bind(wanted.provider.as_str())
    .bind(wanted.at.as_microsecond())
    .bind(seq)
    .fetch_one(connection)
    .await?;
    Ok(match Record::read(&row)? {
        Record::Pending(pending) => Reservation::Reserved(pending),
        Record::Standing(key) => Reservation::Standing(key),
    })
}

/// Turns a reservation into an active key, the current one when its scope has none.
pub(super) async fn complete(
    connection: &mut SqliteConnection,
    pending: PendingKey,
    generated: GeneratedKey,
    at: Timestamp,
) -> Result<SigningKey, Failure> {
    match by_name(connection, &pending.scope, &pending.key_id).await? {
        Some(Record::Pending(found)) if found == pending => {}
        Some(Record::Standing(key)) if is_same_pair(&key, &generated) => return Ok(key),
        Some(Record::Pending(_) | Record::Standing(_)) | None => return Err(Failure::Conflict),
    }
    let handle_is_foreign = generated.handle_id.provider() != pending.provider;
    if handle_is_foreign || by_handle(connection, &generated.handle_id).await?.is_some() {
        return Err(Failure::Conflict);
    }
    let seq = next_seq(connection).await?;
    let row = sqlx::query(concat!(
        "UPDATE signing_key
         SET state = 'active', handle_id = ?3, public_key = ?4, valid_from = ?5,
             listed = ?6, seq = ?6, version = version + 1,
             is_current = NOT EXISTS
                 (SELECT 1 FROM signing_key WHERE scope = ?1 AND is_current = 1)
         WHERE scope = ?1 AND key_id = ?2 AND state = 'pending'
         RETURNING ",
        columns!()
    ))
    .bind(pending.scope.to_string())
    .bind(pending.key_id.as_str())
    .bind(generated.handle_id.as_str())
    .bind(generated.public_key.as_bytes().as_slice())
    .bind(at.as_microsecond())
    .bind(seq)
    .fetch_one(connection)
    .await?;
    Record::read(&row)?.standing().ok_or(Failure::Conflict)
}

/// Deletes a reservation, if it is still there. A later one of the same name has another number.
pub(super) async fn abandon(
    connection: &mut SqliteConnection,
    pending: PendingKey,
) -> Result<(), Failure> {
    let Ok(reservation) = i64::try_from(pending.reservation) else {
        return Ok(());
    };
    let deleted = sqlx::query(
        "DELETE FROM signing_key
         WHERE id = ?4 AND scope = ?1 AND key_id = ?2 AND provider = ?3 AND state = 'pending'",
    )
    .bind(pending.scope.to_string())
    .bind(pending.key_id.as_str())
    .bind(pending.provider.as_str())
    .bind(reservation)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if deleted > 0 {
        next_seq(connection).await?;
    }
    Ok(())
}

/// Retires the key that has this handle and this version.
pub(super) async fn retire(
    connection: &mut SqliteConnection,
    handle: HandleId,
    version: u64,
    at: Timestamp,
) -> Result<SigningKey, Failure> {
    let key = by_handle(connection, &handle).await?;
    let key = key.ok_or(Failure::Conflict)?;
    if key.state == KeyState::Retired {
        return Ok(key);
    }
    let seq = next_seq(connection).await?;
    let row = sqlx::query(concat!(
        "UPDATE signing_key
         SET state = 'retired', is_current = 0, valid_until = ?3, version = version + 1, seq = ?4
         WHERE handle_id = ?1 AND version = ?2
         RETURNING ",
        columns!()
    ))
    .bind(handle.as_str())
    .bind(i64::try_from(version).map_err(|_too_large| Failure::Conflict)?)
    .bind(at.as_microsecond())
    .bind(seq)
    .fetch_optional(connection)
    .await?;
    let row = row.ok_or(Failure::Conflict)?;
    Record::read(&row)?.standing().ok_or(Failure::Conflict)
}

fn is_same_pair(key: &SigningKey, generated: &GeneratedKey) -> bool {
    key.handle_id == generated.handle_id && key.public_key == generated.public_key
}

/// Counts a change and gives its number.
async fn next_seq(connection: &mut SqliteConnection) -> Result<i64, Failure> {
    let next = "UPDATE registry_change SET seq = seq + 1 RETURNING seq";
    Ok(sqlx::query_scalar(next).fetch_one(connection).await?)
}
