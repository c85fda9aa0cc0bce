//! The questions: each is one statement, so its answer is of one moment.

use signer_domain::ports::{CurrentKey, KeyPage, KeyQuery, PendingKey};
use signer_domain::registry::{KeyRow, RegisteredKey};
use signer_domain::{HandleId, KeyState, Scope, SigningKey};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::failure::Failure;
use super::lookup::{by_handle, current_or_any};
use super::record::{columns, position, read, records, registered};

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
        match read(row)? {
            KeyRow::Reserved(pending) => reservations.push(pending),
            KeyRow::Registered(_) => {}
        }
    }
    Ok(reservations)
}

/// The scope's current key.
pub(super) async fn current(
    connection: &mut SqliteConnection,
    scope: Scope,
) -> Result<CurrentKey, Failure> {
    let key = current_or_any(connection, &scope).await?;
    Ok(CurrentKey::of(key.map(RegisteredKey::into_record)))
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
        page.keys
            .extend(registered(row)?.map(RegisteredKey::into_record));
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
    let key = by_handle(connection, &handle).await?;
    Ok(key.map(RegisteredKey::into_record))
}

pub(super) const BEGUN: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM signing_key WHERE retiring = 1 ORDER BY listed"
);

pub(super) const UNCONFIRMED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM signing_key WHERE unconfirmed = 1 ORDER BY valid_until, id"
);

/// The keys that `question` tells, which is one of the two above.
pub(super) async fn unsettled(
    connection: &mut SqliteConnection,
    question: &'static str,
) -> Result<Vec<SigningKey>, Failure> {
    let rows = sqlx::query(question).fetch_all(connection).await?;
    Ok(records(&rows)?)
}

/// Reads something, which proves that the tables can be read.
pub(super) async fn touch(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let read = "SELECT count(*) FROM (SELECT 1 FROM signing_key LIMIT 1)";
    let _count: i64 = sqlx::query_scalar(read).fetch_one(connection).await?;
    Ok(())
}
