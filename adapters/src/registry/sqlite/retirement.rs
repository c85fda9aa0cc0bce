//! The notes of retirements that were begun: who stops half-way leaves one for the next start.

use signer_domain::ports::RetirementNote;
use signer_domain::{HandleId, KeyState, SigningKey};
use sqlx::sqlite::SqliteConnection;

use super::changes::next_seq;
use super::failure::Failure;
use super::lookup::by_handle;
use super::record::{Record, columns};
use super::rotation;

const IS_BEGUN: &str = "SELECT EXISTS
    (SELECT 1 FROM signing_key WHERE handle_id = ?1 AND retiring = 1)";

pub(super) const BEGUN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM signing_key WHERE retiring = 1 ORDER BY listed"
);

/// Notes that the provider is about to be told. The record that others read is the same afterwards, so
/// it keeps its version.
pub(super) async fn begin(
    connection: &mut SqliteConnection,
    handle: HandleId,
) -> Result<RetirementNote, Failure> {
    let key = by_handle(connection, &handle).await?;
    let key = key.ok_or(Failure::Conflict)?;
    match key.state {
        KeyState::Active | KeyState::Rotating => {}
        KeyState::Retired => return Ok(RetirementNote::Standing),
    }
    if rotation::is_newer_of_two(connection, &key).await? {
        return Err(Failure::RotationInProgress);
    }
    if is_begun(connection, &handle).await? {
        return Ok(RetirementNote::Standing);
    }
    note(connection, &handle, true).await?;
    Ok(RetirementNote::New)
}

/// Takes the note back, if there is one.
pub(super) async fn cancel(
    connection: &mut SqliteConnection,
    handle: HandleId,
) -> Result<(), Failure> {
    if is_begun(connection, &handle).await? {
        note(connection, &handle, false).await?;
    }
    Ok(())
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

async fn is_begun(connection: &mut SqliteConnection, handle: &HandleId) -> Result<bool, Failure> {
    let question = sqlx::query_scalar(IS_BEGUN).bind(handle.as_str());
    Ok(question.fetch_one(connection).await?)
}

async fn note(
    connection: &mut SqliteConnection,
    handle: &HandleId,
    retiring: bool,
) -> Result<(), Failure> {
    let seq = next_seq(connection).await?;
    sqlx::query("UPDATE signing_key SET retiring = ?2, seq = ?3 WHERE handle_id = ?1")
        .bind(handle.as_str())
        .bind(retiring)
        .bind(seq)
        .execute(connection)
        .await?;
    Ok(())
}
