//! One record, by its name, by its handle or by its provider.

use signer_domain::registry::{KeyRow, RegisteredKey};
use signer_domain::{HandleId, KeyId, ProviderName, Scope, SigningKey};
use sqlx::sqlite::SqliteConnection;

use super::failure::Failure;
use super::record::{columns, read, registered};

/// What stands under a name, if anything does.
pub(super) async fn by_name(
    connection: &mut SqliteConnection,
    scope: &Scope,
    key_id: &KeyId,
) -> Result<Option<KeyRow>, Failure> {
    let row = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key WHERE scope = ?1 AND key_id = ?2"
    ))
    .bind(scope.to_string())
    .bind(key_id.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// The registered key of a handle. A reservation has no handle, so it is never found.
pub(super) async fn by_handle(
    connection: &mut SqliteConnection,
    handle: &HandleId,
) -> Result<Option<RegisteredKey>, Failure> {
    let row = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key WHERE handle_id = ?1"
    ))
    .bind(handle.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row.as_ref().map(registered).transpose()?.flatten())
}

/// The scope's current key, or else any registered key of the scope: then it has lost its current.
pub(super) async fn current_or_any(
    connection: &mut SqliteConnection,
    scope: &Scope,
) -> Result<Option<RegisteredKey>, Failure> {
    let row = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key WHERE id = coalesce(
             (SELECT id FROM signing_key WHERE scope = ?1 AND is_current = 1),
             (SELECT id FROM signing_key WHERE scope = ?1 AND listed IS NOT NULL LIMIT 1))"
    ))
    .bind(scope.to_string())
    .fetch_optional(connection)
    .await?;
    Ok(row.as_ref().map(registered).transpose()?.flatten())
}

pub(super) const ANY_OF: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM signing_key
      WHERE handle_id > ?1 || ':' AND handle_id < ?1 || ';' AND state IN ('active', 'rotating')
      LIMIT 1"
);

/// A key of the provider that may sign. Each handle begins with the name of its provider, so the index
/// of the handles leads there.
pub(super) async fn any_of(
    connection: &mut SqliteConnection,
    provider: ProviderName,
) -> Result<Option<SigningKey>, Failure> {
    let row = sqlx::query(ANY_OF)
        .bind(provider.as_str())
        .fetch_optional(connection)
        .await?;
    let key = row.as_ref().map(registered).transpose()?.flatten();
    Ok(key.map(RegisteredKey::into_record))
}
