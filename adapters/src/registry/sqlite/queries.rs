//! The questions: each is one statement, so its answer is of one moment.

use signer_domain::ports::{CurrentKey, KeyPage, KeyQuery, PendingKey};
use signer_domain::{HandleId, KeyState, Scope, SigningKey};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::failure::Failure;
use super::lookup::by_handle;
use super::record::{Record, columns, position};

/// The reservations, oldest first.
pub(super) async fn pending(connection: &mut SqliteConnection) -> Result<Vec<PendingKey>, Failure> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key WHERE state = 'pending' ORDER BY id"
    ))
    .fetch_all(connection)
    .await?;
    let mut reservations = Vec::with_capacity(rows.len());
    for row in &rows {
        reservations.extend(Record::read(row)?.pending());
    }
    Ok(reservations)
}

/// The scope's current key, or else any registered key of the scope: then it has lost its current.
pub(super) async fn current(
    connection: &mut SqliteConnection,
    scope: Scope,
) -> Result<CurrentKey, Failure> {
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
    let record = row.as_ref().map(Record::read).transpose()?;
    Ok(match record.and_then(Record::standing) {
        Some(key) if key.current => CurrentKey::Key(key),
        Some(_) => CurrentKey::Retired,
        None => CurrentKey::Unknown,
    })
}

/// One page of the registered keys.
pub(super) async fn list(
    connection: &mut SqliteConnection,
    query: KeyQuery,
) -> Result<KeyPage, Failure> {
    let limit = query.limit.get();
    let rows = matching(connection, &query).await?;
    let mut page = KeyPage {
        keys: Vec::with_capacity(rows.len()),
        next: None,
    };
    let mut last = None;
    for row in &rows {
        if u32::try_from(page.keys.len()).is_ok_and(|listed| listed == limit) {
            page.next = last;
            break;
        }
        page.keys.extend(Record::read(row)?.standing());
        last = Some(position(row)?);
    }
    Ok(page)
}

/// The rows of the page, and one more when another page follows.
async fn matching(
    connection: &mut SqliteConnection,
    query: &KeyQuery,
) -> Result<Vec<SqliteRow>, Failure> {
    let in_scope = concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key
          WHERE listed > ?1 AND (?2 IS NULL OR state = ?2) AND scope = ?4
          ORDER BY listed LIMIT ?3"
    );
    let anywhere = concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key
          WHERE listed > ?1 AND (?2 IS NULL OR state = ?2)
          ORDER BY listed LIMIT ?3"
    );
    let Ok(after) = i64::try_from(query.after.unwrap_or(0)) else {
        return Ok(Vec::new());
    };
    let sql = if query.scope.is_some() {
        in_scope
    } else {
        anywhere
    };
    let statement = sqlx::query(sql)
        .bind(after)
        .bind(query.state.map(KeyState::as_str))
        .bind(i64::from(query.limit.get()) + 1);
    let statement = match query.scope {
        Some(scope) => statement.bind(scope.to_string()),
        None => statement,
    };
    Ok(statement.fetch_all(connection).await?)
}

/// The registered key of a handle.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    handle: HandleId,
) -> Result<Option<SigningKey>, Failure> {
    by_handle(connection, &handle).await
}

/// Reads something, which proves that the tables can be read.
pub(super) async fn touch(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let read = "SELECT count(*) FROM (SELECT 1 FROM signing_key LIMIT 1)";
    let _count: i64 = sqlx::query_scalar(read).fetch_one(connection).await?;
    Ok(())
}
