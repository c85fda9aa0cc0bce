//! The notes of retirements that were begun: who stops half-way leaves one for the next start.

use signer_domain::{HandleId, KeyState, SigningKey};
use sqlx::sqlite::SqliteConnection;

use super::changes::next_seq;
use super::failure::Failure;
use super::lookup::by_handle;
use super::record::{Record, columns};
use super::rotation;

pub(super) const BEGUN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM signing_key WHERE retiring = 1 ORDER BY listed"
);

/// Notes that the provider is about to be told. From here on the key is blocked.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    handle: HandleId,
) -> Result<SigningKey, Failure> {
    let key = by_handle(connection, &handle).await?;
    let key = key.ok_or(Failure::Conflict)?;
    match key.state {
        KeyState::Active | KeyState::Rotating => {}
        KeyState::Retired => return Ok(key),
    }
    if rotation::is_newer_of_two(connection, &key).await? {
        return Err(Failure::RotationInProgress);
    }
    let is_begun = sqlx::query_scalar("SELECT retiring FROM signing_key WHERE handle_id = ?1");
    if is_begun
        .bind(handle.as_str())
        .fetch_one(&mut *connection)
        .await?
    {
        return Ok(key);
    }
    let seq = next_seq(connection).await?;
    let row = sqlx::query(concat!(
        "UPDATE signing_key SET retiring = 1, version = version + 1, seq = ?2
         WHERE handle_id = ?1 RETURNING ",
        columns!()
    ))
    .bind(handle.as_str())
    .bind(seq)
    .fetch_one(connection)
    .await?;
    Record::read(&row)?.standing().ok_or(Failure::Conflict)
}

/// The keys with a note, those first that became active first.
pub(super) async fn begun(connection: &mut SqliteConnection) -> Result<Vec<SigningKey>, Failure> {
    let rows = sqlx::query(BEGUN).fetch_all(connection).await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in &rows {
        keys.extend(Record::read(row)?.standing());
    }
    Ok(keys)
}
