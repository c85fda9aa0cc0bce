//! One record, by its name or by its handle.

use signer_domain::{HandleId, KeyId, Scope, SigningKey};
use sqlx::sqlite::SqliteConnection;

use super::failure::Failure;
use super::record::{Record, columns};

/// What stands under a name, if anything does.
pub(super) async fn by_name(
    connection: &mut SqliteConnection,
    scope: &Scope,
    key_id: &KeyId,
) -> Result<Option<Record>, Failure> {
    let row = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key WHERE scope = ?1 AND key_id = ?2"
    ))
    .bind(scope.to_string())
    .bind(key_id.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row.as_ref().map(Record::read).transpose()?)
}

/// The registered key of a handle. A reservation has no handle, so it is never found.
pub(super) async fn by_handle(
    connection: &mut SqliteConnection,
    handle: &HandleId,
) -> Result<Option<SigningKey>, Failure> {
    let row = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key WHERE handle_id = ?1"
    ))
    .bind(handle.as_str())
    .fetch_optional(connection)
    .await?;
    let record = row.as_ref().map(Record::read).transpose()?;
    Ok(record.and_then(Record::standing))
}
