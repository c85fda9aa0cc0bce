//! The questions about rotations: each is one statement, so its answer is of one moment.

use signer_domain::{KeyId, RotationTransition, Scope, SigningKey};
use sqlx::sqlite::SqliteConnection;

use super::record::{self, transitions};
use crate::registry::sqlite::failure::Failure;
use crate::registry::sqlite::record::{Record, columns};

pub(in crate::registry::sqlite) const OPEN_IN: &str =
    transitions!("rotation.scope = ?1 AND closed_at IS NULL");

pub(in crate::registry::sqlite) const TO: &str =
    transitions!("rotation.scope = ?1 AND new_key_id = ?2");

pub(in crate::registry::sqlite) const OPEN: &str =
    transitions!("closed_at IS NULL ORDER BY closes_at, rotation.id");

pub(in crate::registry::sqlite) const IS_ROTATED: &str =
    "SELECT EXISTS (SELECT 1 FROM rotation WHERE scope = ?1 AND closed_at IS NULL)";

pub(in crate::registry::sqlite) const UNCONFIRMED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM signing_key WHERE unconfirmed = 1 ORDER BY valid_until, id"
);

pub(in crate::registry::sqlite) const OLD_KEY: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM signing_key WHERE scope = ?1 AND key_id =
         (SELECT old_key_id FROM rotation WHERE scope = ?1 AND new_key_id = ?2)"
);

/// Whether the scope has a rotation that is open or being opened.
pub(in crate::registry::sqlite) async fn is_rotated(
    connection: &mut SqliteConnection,
    scope: &Scope,
) -> Result<bool, Failure> {
    let question = sqlx::query_scalar(IS_ROTATED).bind(scope.to_string());
    Ok(question.fetch_one(connection).await?)
}

/// Whether the key is the new one of an open rotation.
pub(in crate::registry::sqlite) async fn is_newer_of_two(
    connection: &mut SqliteConnection,
    key: &SigningKey,
) -> Result<bool, Failure> {
    let open = open_in(connection, &key.scope).await?;
    Ok(open.is_some_and(|transition| transition.new_handle_id == key.handle_id))
}

/// The open rotation of a scope.
pub(super) async fn open_in(
    connection: &mut SqliteConnection,
    scope: &Scope,
) -> Result<Option<RotationTransition>, Failure> {
    let question = sqlx::query(OPEN_IN).bind(scope.to_string());
    let row = question.fetch_optional(connection).await?;
    Ok(row.as_ref().map(record::read).transpose()?)
}

/// The rotation to a key, open or closed. There is one at most: a name is taken once.
pub(super) async fn to(
    connection: &mut SqliteConnection,
    scope: &Scope,
    new_key_id: &KeyId,
) -> Result<Option<RotationTransition>, Failure> {
    let question = sqlx::query(TO)
        .bind(scope.to_string())
        .bind(new_key_id.as_str());
    let row = question.fetch_optional(connection).await?;
    Ok(row.as_ref().map(record::read).transpose()?)
}

/// The key whose place the new one takes or is to take.
pub(super) async fn old_key(
    connection: &mut SqliteConnection,
    scope: &Scope,
    new_key_id: &KeyId,
) -> Result<Option<SigningKey>, Failure> {
    let question = sqlx::query(OLD_KEY)
        .bind(scope.to_string())
        .bind(new_key_id.as_str());
    let row = question.fetch_optional(connection).await?;
    let record = row.as_ref().map(Record::read).transpose()?;
    Ok(record.and_then(Record::standing))
}

/// The rotation from one key to another, open or closed.
pub(super) async fn between(
    connection: &mut SqliteConnection,
    scope: &Scope,
    old_key_id: &KeyId,
    new_key_id: &KeyId,
) -> Result<Option<RotationTransition>, Failure> {
    let transition = to(connection, scope, new_key_id).await?;
    Ok(transition.filter(|transition| transition.old_key_id == *old_key_id))
}

/// The open rotations, those due first.
pub(super) async fn open(
    connection: &mut SqliteConnection,
) -> Result<Vec<RotationTransition>, Failure> {
    let rows = sqlx::query(OPEN).fetch_all(connection).await?;
    let transitions = rows.iter().map(record::read);
    Ok(transitions.collect::<Result<_, _>>()?)
}

/// The retired keys whose provider has not confirmed, those retired first at the front.
pub(super) async fn unconfirmed(
    connection: &mut SqliteConnection,
) -> Result<Vec<SigningKey>, Failure> {
    let rows = sqlx::query(UNCONFIRMED).fetch_all(connection).await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in &rows {
        keys.extend(Record::read(row)?.standing());
    }
    Ok(keys)
}
