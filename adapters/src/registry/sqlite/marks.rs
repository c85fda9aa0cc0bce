//! The marks of keys, and what of them an operator should know.

use signer_domain::ports::{KeyNotices, NOTICES};
use signer_domain::{HandleId, KeyMark, Scope, SigningKey};
use sqlx::sqlite::SqliteConnection;

use super::changes::next_seq;
use super::failure::Failure;
use super::lookup::by_handle;
use super::record::{Reader, Record, columns};

/// Each reads an index of its own, so that no other row is read.
pub(super) const MARKED: [&str; 4] = [
    concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key WHERE blocked = 1 ORDER BY listed LIMIT ?1"
    ),
    concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key WHERE retiring = 1 AND blocked = 0 ORDER BY listed LIMIT ?1"
    ),
    concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key
          WHERE quarantined = 1 AND blocked = 0 AND retiring = 0 ORDER BY listed LIMIT ?1"
    ),
    concat!(
        "SELECT ",
        columns!(),
        " FROM signing_key WHERE unconfirmed = 1 ORDER BY valid_until LIMIT ?1"
    ),
];

pub(super) const WITHOUT_CURRENT: &str =
    "SELECT scope FROM scope_without_current ORDER BY scope LIMIT ?1";

/// Writes a mark or takes it away, if that changes anything.
pub(super) async fn set(
    connection: &mut SqliteConnection,
    handle: HandleId,
    mark: KeyMark,
    is_marked: bool,
) -> Result<SigningKey, Failure> {
    let key = by_handle(connection, &handle).await?;
    let key = key.ok_or(Failure::Conflict)?;
    if is_marked && !mark.applies_in(key.state) {
        return Ok(key);
    }
    let (is_set, change) = match mark {
        KeyMark::Blocked => (
            "SELECT blocked FROM signing_key WHERE handle_id = ?1",
            concat!(
                "UPDATE signing_key SET blocked = ?2, version = version + 1, seq = ?3
                 WHERE handle_id = ?1 RETURNING ",
                columns!()
            ),
        ),
        KeyMark::Quarantined => (
            "SELECT quarantined FROM signing_key WHERE handle_id = ?1",
            concat!(
                "UPDATE signing_key SET quarantined = ?2, version = version + 1, seq = ?3
                 WHERE handle_id = ?1 RETURNING ",
                columns!()
            ),
        ),
        KeyMark::Unconfirmed => (
            "SELECT unconfirmed FROM signing_key WHERE handle_id = ?1",
            concat!(
                "UPDATE signing_key SET unconfirmed = ?2, version = version + 1, seq = ?3
                 WHERE handle_id = ?1 RETURNING ",
                columns!()
            ),
        ),
    };
    let was_marked: bool = sqlx::query_scalar(is_set)
        .bind(handle.as_str())
        .fetch_one(&mut *connection)
        .await?;
    if was_marked == is_marked {
        return Ok(key);
    }
    let seq = next_seq(connection).await?;
    let row = sqlx::query(change)
        .bind(handle.as_str())
        .bind(is_marked)
        .bind(seq)
        .fetch_one(connection)
        .await?;
    Record::read(&row)?.standing().ok_or(Failure::Conflict)
}

/// What an operator should know.
pub(super) async fn notices(connection: &mut SqliteConnection) -> Result<KeyNotices, Failure> {
    let mut notices = KeyNotices::default();
    for question in MARKED {
        let rows = sqlx::query(question).bind(NOTICES);
        for row in &rows.fetch_all(&mut *connection).await? {
            notices.keys.extend(Record::read(row)?.standing());
        }
    }
    let rows = sqlx::query(WITHOUT_CURRENT).bind(NOTICES);
    for row in &rows.fetch_all(connection).await? {
        let scope = Reader(row).text("scope", Scope::parse)?;
        notices.scopes_without_current.push(scope);
    }
    Ok(notices)
}

/// Notes that a scope has lost its current key.
pub(super) async fn note_no_current(
    connection: &mut SqliteConnection,
    scope: &Scope,
) -> Result<(), Failure> {
    sqlx::query("INSERT OR IGNORE INTO scope_without_current (scope) VALUES (?1)")
        .bind(scope.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Notes that a scope has a current key again.
pub(super) async fn note_current(
    connection: &mut SqliteConnection,
    scope: &Scope,
) -> Result<(), Failure> {
    sqlx::query("DELETE FROM scope_without_current WHERE scope = ?1")
        .bind(scope.to_string())
        .execute(connection)
        .await?;
    Ok(())
}
