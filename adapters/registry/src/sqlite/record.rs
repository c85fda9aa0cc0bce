//! One row of the registry, read through the types of the domain.

use std::error::Error;

use jiff::Timestamp;
use signer_domain::ports::{Cause, PendingKey, Purpose};
use signer_domain::registry::{KeyRow, RegisteredKey};
use signer_domain::{
    HandleId, KeyId, KeyMarks, KeyState, ProviderName, PublicKey, Scope, SigningKey,
};
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row as _, Sqlite, Type};

/// The columns that [`read`] needs, as SQL.
macro_rules! columns {
    () => {
        "id, listed, scope, key_id, provider, state, is_current, handle_id, public_key, \
         valid_from, valid_until, version, purpose, \
         blocked, retiring, quarantined, unconfirmed"
    };
}
pub(super) use columns;

/// Reads a row that holds the [`columns`].
pub(super) fn read(row: &SqliteRow) -> Result<KeyRow, UnreadableRecord> {
    let row = Reader(row);
    let scope = row.text("scope", Scope::parse)?;
    let key_id = row.text("key_id", KeyId::parse)?;
    let state = row.text("state", |text| match text {
        "pending" => Ok(None),
        standing => KeyState::parse(standing).map(Some),
    })?;
    let reservation = row.number("id", u64::try_from)?;
    let Some(state) = state else {
        let provider = row.text("provider", ProviderName::parse)?;
        return Ok(KeyRow::Reserved(PendingKey {
            scope,
            key_id,
            provider,
            purpose: row.text("purpose", parse_purpose)?,
            reservation,
        }));
    };
    let key = SigningKey {
        scope,
        key_id,
        handle_id: row.text("handle_id", HandleId::parse)?,
        public_key: row.bytes("public_key", PublicKey::from_slice)?,
        state,
        current: row.number("is_current", mark)?,
        marks: KeyMarks {
            blocked: row.number("blocked", mark)?,
            quarantined: row.number("quarantined", mark)?,
            unconfirmed: row.number("unconfirmed", mark)?,
        },
        valid_from: row.number("valid_from", Timestamp::from_microsecond)?,
        valid_until: row.optional_number("valid_until", Timestamp::from_microsecond)?,
        version: row.number("version", u64::try_from)?,
    };
    Ok(KeyRow::Registered(RegisteredKey {
        reservation,
        key,
        is_retiring: row.number("retiring", mark)?,
    }))
}

/// Reads the row of a key; `None` for one of a reservation.
pub(super) fn registered(row: &SqliteRow) -> Result<Option<RegisteredKey>, UnreadableRecord> {
    Ok(match read(row)? {
        KeyRow::Registered(key) => Some(key),
        KeyRow::Reserved(_) => None,
    })
}

/// Reads the rows of keys, as the port tells them.
pub(super) fn records(rows: &[SqliteRow]) -> Result<Vec<SigningKey>, UnreadableRecord> {
    let keys = rows.iter().filter_map(|row| registered(row).transpose());
    keys.map(|key| key.map(RegisteredKey::into_record))
        .collect()
}

/// The position of a registered key in the listing.
pub(super) fn position(row: &SqliteRow) -> Result<u64, UnreadableRecord> {
    Reader(row).number("listed", u64::try_from)
}

/// The name of a purpose in the registry.
pub(super) const fn purpose_name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Generate => "generate",
        Purpose::Rotate => "rotate",
    }
}

fn parse_purpose(text: &str) -> Result<Purpose, NotAPurpose> {
    match text {
        "generate" => Ok(Purpose::Generate),
        "rotate" => Ok(Purpose::Rotate),
        _ => Err(NotAPurpose),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("must be generate or rotate")]
struct NotAPurpose;

fn mark(number: i64) -> Result<bool, NotAMark> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(NotAMark),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("must be 0 or 1")]
struct NotAMark;

/// Reads single columns, and says which one does not parse.
pub(super) struct Reader<'r>(pub(super) &'r SqliteRow);

impl<'r> Reader<'r> {
    pub(super) fn text<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&'r str) -> Result<T, E>,
    ) -> Result<T, UnreadableRecord>
    where
        E: Error + Send + Sync + 'static,
    {
        parse(self.value(column)?).map_err(|error| self.blame(column, error))
    }

    fn bytes<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(&'r [u8]) -> Result<T, E>,
    ) -> Result<T, UnreadableRecord>
    where
        E: Error + Send + Sync + 'static,
    {
        parse(self.value(column)?).map_err(|error| self.blame(column, error))
    }

    pub(super) fn number<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(i64) -> Result<T, E>,
    ) -> Result<T, UnreadableRecord>
    where
        E: Error + Send + Sync + 'static,
    {
        parse(self.value(column)?).map_err(|error| self.blame(column, error))
    }

    pub(super) fn optional_number<T, E>(
        &self,
        column: &'static str,
        parse: impl FnOnce(i64) -> Result<T, E>,
    ) -> Result<Option<T>, UnreadableRecord>
    where
        E: Error + Send + Sync + 'static,
    {
        let number = self.optional_value(column)?;
        let value = number.map(parse).transpose();
        value.map_err(|error| self.blame(column, error))
    }

    fn value<V>(&self, column: &'static str) -> Result<V, UnreadableRecord>
    where
        V: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        let value = self.optional_value(column)?;
        value.ok_or_else(|| self.blame(column, NoValue))
    }

    /// Asks for an option even where there must be a value: to the library, a null read as a number
    /// is 0.
    fn optional_value<V>(&self, column: &'static str) -> Result<Option<V>, UnreadableRecord>
    where
        V: Decode<'r, Sqlite> + Type<Sqlite>,
    {
        let value = self.0.try_get(column);
        value.map_err(|error| self.blame(column, error))
    }

    fn blame(&self, column: &'static str, source: impl Into<Cause>) -> UnreadableRecord {
        UnreadableRecord {
            row: self.0.try_get("id").unwrap_or_default(),
            column,
            source: source.into(),
        }
    }
}

/// A row holds something that no version of the custodian writes.
#[derive(Debug, thiserror::Error)]
#[error("column {column} of registry row {row} is not valid")]
pub(super) struct UnreadableRecord {
    row: i64,
    column: &'static str,
    source: Cause,
}

#[derive(Debug, thiserror::Error)]
#[error("must have a value")]
struct NoValue;
