//! The questions about rotations: each is one statement, so its answer is of one moment.

use signer_domain::registry::RotationRow;
use signer_domain::{KeyId, RotationTransition, Scope};
use sqlx::sqlite::SqliteConnection;

use super::record::{self, transitions};
use crate::sqlite::failure::Failure;

pub(in crate::sqlite) const UNCLOSED: &str =
    transitions!("rotation.scope = ?1 AND closed_at IS NULL");

pub(in crate::sqlite) const TO: &str = transitions!("rotation.scope = ?1 AND new_key_id = ?2");

pub(in crate::sqlite) const OPEN: &str =
    transitions!("opened_at IS NOT NULL AND closed_at IS NULL ORDER BY closes_at, rotation.id");

/// The rotation of a scope that is open or being opened.
pub(in crate::sqlite) async fn unclosed(
    connection: &mut SqliteConnection,
    scope: &Scope,
) -> Result<Option<RotationRow>, Failure> {
    let question = sqlx::query(UNCLOSED).bind(scope.to_string());
    let row = question.fetch_optional(connection).await?;
    Ok(row.as_ref().map(record::read).transpose()?)
}

/// The rotation to a key. There is one at most: a name is taken once.
pub(in crate::sqlite) async fn to(
    connection: &mut SqliteConnection,
    scope: &Scope,
    new_key_id: &KeyId,
) -> Result<Option<RotationRow>, Failure> {
    let question = sqlx::query(TO)
        .bind(scope.to_string())
        .bind(new_key_id.as_str());
    let row = question.fetch_optional(connection).await?;
    Ok(row.as_ref().map(record::read).transpose()?)
}

/// The open rotations, those due first.
pub(in crate::sqlite) async fn open(
    connection: &mut SqliteConnection,
) -> Result<Vec<RotationTransition>, Failure> {
    let rows = sqlx::query(OPEN).fetch_all(connection).await?;
    let mut open = Vec::with_capacity(rows.len());
    for row in &rows {
        open.extend(record::read(row)?.into_transition());
    }
    Ok(open)
}
