//! One rotation, read through the types of the domain.

use jiff::Timestamp;
use signer_domain::registry::{OpenedRotation, RotationRow};
use signer_domain::{HandleId, KeyId, Scope};
use sqlx::sqlite::SqliteRow;

use crate::sqlite::record::{Reader, UnreadableRecord};

/// The rotations, with the handles of their keys, as the beginning of a question.
macro_rules! transitions {
    ($rest:literal) => {
        concat!(
            "SELECT rotation.id, rotation.scope, old_key_id, new_key_id,
                    old_key.handle_id AS old_handle_id, new_key.handle_id AS new_handle_id,
                    opened_at, closes_at, closed_at
             FROM rotation
             JOIN signing_key AS new_key ON new_key.id = rotation.id
             JOIN signing_key AS old_key
                 ON old_key.scope = rotation.scope AND old_key.key_id = rotation.old_key_id
             WHERE ",
            $rest
        )
    };
}
pub(super) use transitions;

/// Reads a row of [`transitions`].
pub(super) fn read(row: &SqliteRow) -> Result<RotationRow, UnreadableRecord> {
    let row = Reader(row);
    let opened_at = row.optional_number("opened_at", Timestamp::from_microsecond)?;
    let opened = match opened_at {
        None => None,
        Some(opened_at) => Some(OpenedRotation {
            old_handle_id: row.text("old_handle_id", HandleId::parse)?,
            new_handle_id: row.text("new_handle_id", HandleId::parse)?,
            opened_at,
            closes_at: row.number("closes_at", Timestamp::from_microsecond)?,
            closed_at: row.optional_number("closed_at", Timestamp::from_microsecond)?,
        }),
    };
    Ok(RotationRow {
        reservation: row.number("id", u64::try_from)?,
        scope: row.text("scope", Scope::parse)?,
        old_key_id: row.text("old_key_id", KeyId::parse)?,
        new_key_id: row.text("new_key_id", KeyId::parse)?,
        opened,
    })
}
