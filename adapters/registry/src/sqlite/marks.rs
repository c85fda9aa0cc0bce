//! What an operator should know of keys and scopes.

use signer_domain::Scope;
use signer_domain::ports::{KeyNotices, NOTICES};
use sqlx::sqlite::SqliteConnection;

use super::failure::Failure;
use super::record::{Reader, columns, records};

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

/// What an operator should know.
pub(super) async fn notices(connection: &mut SqliteConnection) -> Result<KeyNotices, Failure> {
    let mut notices = KeyNotices::default();
    for question in MARKED {
        let rows = sqlx::query(question).bind(NOTICES);
        let rows = rows.fetch_all(&mut *connection).await?;
        notices.keys.extend(records(&rows)?);
    }
    let rows = sqlx::query(WITHOUT_CURRENT).bind(NOTICES);
    for row in &rows.fetch_all(connection).await? {
        let scope = Reader(row).text("scope", Scope::parse)?;
        notices.scopes_without_current.push(scope);
    }
    Ok(notices)
}
