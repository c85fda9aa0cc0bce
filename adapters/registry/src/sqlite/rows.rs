//! The rows of one transaction.

use async_trait::async_trait;
use jiff::Timestamp;
use signer_domain::ports::PendingKey;
use signer_domain::registry::{KeyRow, Refused, RegisteredKey, RotationRow, Rows};
use signer_domain::{HandleId, KeyId, KeyState, Scope, SigningKey};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Sqlite, query};

use super::failure::Failure;
use super::lookup;
use super::record::purpose_name;
use super::rotation::queries;

/// The rows of the transaction that a connection is in.
///
/// A write names as few columns as it can: each column that it names costs the pages of every index
/// that has it.
pub(super) struct SqliteRows<'c>(pub(super) &'c mut SqliteConnection);

impl SqliteRows<'_> {
    /// Runs a statement and tells how many rows it wrote.
    async fn write(&mut self, statement: Statement<'_>) -> Result<u64, Failure> {
        Ok(statement.execute(&mut *self.0).await?.rows_affected())
    }

    /// Runs a statement that writes one row, if that is there as it was read.
    async fn write_one(&mut self, statement: Statement<'_>) -> Result<(), Refused> {
        match self.write(statement).await? {
            0 => Err(Refused::Conflict),
            _ => Ok(()),
        }
    }
}

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

#[async_trait]
impl Rows for SqliteRows<'_> {
    async fn next_seq(&mut self) -> Result<u64, Refused> {
        let next = "UPDATE registry_change SET seq = seq + 1 RETURNING seq";
        let seq = sqlx::query_scalar(next).fetch_one(&mut *self.0).await;
        let seq: i64 = seq.map_err(Failure::store)?;
        Ok(u64::try_from(seq).map_err(Failure::store)?)
    }

    async fn key_named(
        &mut self,
        scope: &Scope,
        key_id: &KeyId,
    ) -> Result<Option<KeyRow>, Refused> {
        Ok(lookup::by_name(self.0, scope, key_id).await?)
    }

    async fn key_of(&mut self, handle: &HandleId) -> Result<Option<RegisteredKey>, Refused> {
        Ok(lookup::by_handle(self.0, handle).await?)
    }

    async fn current_or_any(&mut self, scope: &Scope) -> Result<Option<RegisteredKey>, Refused> {
        Ok(lookup::current_or_any(self.0, scope).await?)
    }

    async fn unclosed_rotation(&mut self, scope: &Scope) -> Result<Option<RotationRow>, Refused> {
        Ok(queries::unclosed(self.0, scope).await?)
    }

    async fn rotation_to(
        &mut self,
        scope: &Scope,
        new_key_id: &KeyId,
    ) -> Result<Option<RotationRow>, Refused> {
        Ok(queries::to(self.0, scope, new_key_id).await?)
    }

    async fn reserve(&mut self, pending: &PendingKey, at: Timestamp) -> Result<(), Refused> {
        let insert = "INSERT INTO signing_key
                 (id, seq, scope, key_id, provider, purpose, state, is_current, reserved_at, version)
             VALUES (?1, ?1, ?2, ?3, ?4, ?5, 'pending', 0, ?6, 0)";
        let insert = query(insert)
            .bind(number(pending.reservation)?)
            .bind(pending.scope.to_string())
            .bind(pending.key_id.as_str())
            .bind(pending.provider.as_str())
            .bind(purpose_name(pending.purpose))
            .bind(at.as_microsecond());
        self.write(insert).await?;
        Ok(())
    }

    async fn activate(
        &mut self,
        was: &PendingKey,
        is: &RegisteredKey,
        seq: u64,
    ) -> Result<(), Refused> {
        if is.key.current {
            let note = "DELETE FROM scope_without_current WHERE scope = ?1";
            self.write(query(note).bind(is.key.scope.to_string()))
                .await?;
        }
        let update = "UPDATE signing_key
             SET state = 'active', handle_id = ?2, public_key = ?3, valid_from = ?4, is_current = ?5,
                 version = ?6, listed = ?7, seq = ?7
             WHERE id = ?1 AND state = 'pending'";
        let update = query(update)
            .bind(number(was.reservation)?)
            .bind(is.key.handle_id.as_str())
            .bind(is.key.public_key.as_bytes().as_slice())
            .bind(is.key.valid_from.as_microsecond())
            .bind(is.key.current)
            .bind(number(is.key.version)?)
            .bind(number(seq)?);
        self.write_one(update).await
    }

    async fn replace_key(
        &mut self,
        was: &RegisteredKey,
        is: &RegisteredKey,
        seq: u64,
    ) -> Result<(), Refused> {
        let has_lost_current = was.key.current && is.key.state == KeyState::Retired;
        if has_lost_current {
            let note = "INSERT OR IGNORE INTO scope_without_current (scope) VALUES (?1)";
            self.write(query(note).bind(is.key.scope.to_string()))
                .await?;
        }
        let update = match Difference::between(was, is) {
            Difference::State => query(
                "UPDATE signing_key
                 SET seq = ?3, version = ?4, state = ?5, is_current = ?6, valid_until = ?7,
                     retiring = ?8, blocked = ?9, quarantined = ?10, unconfirmed = ?11
                 WHERE id = ?1 AND version = ?2",
            ),
            Difference::Current => query(
                "UPDATE signing_key SET seq = ?3, version = ?4, is_current = ?6
                 WHERE id = ?1 AND version = ?2",
            ),
            Difference::Marks => query(
                "UPDATE signing_key
                 SET seq = ?3, version = ?4,
                     retiring = ?8, blocked = ?9, quarantined = ?10, unconfirmed = ?11
                 WHERE id = ?1 AND version = ?2",
            ),
        };
        let SigningKey { marks, .. } = is.key;
        let update = update
            .bind(number(was.reservation)?)
            .bind(number(was.key.version)?)
            .bind(number(seq)?)
            .bind(number(is.key.version)?)
            .bind(is.key.state.as_str())
            .bind(is.key.current)
            .bind(is.key.valid_until.map(Timestamp::as_microsecond))
            .bind(is.is_retiring)
            .bind(marks.blocked)
            .bind(marks.quarantined)
            .bind(marks.unconfirmed);
        self.write_one(update).await
    }

    async fn forget(&mut self, pending: &PendingKey) -> Result<(), Refused> {
        let reservation = number(pending.reservation)?;
        for delete in [
            "DELETE FROM rotation WHERE id = ?1",
            "DELETE FROM signing_key WHERE id = ?1 AND state = 'pending'",
        ] {
            self.write(query(delete).bind(reservation)).await?;
        }
        Ok(())
    }

    async fn insert_rotation(
        &mut self,
        is: &RotationRow,
        at: Timestamp,
        seq: u64,
    ) -> Result<(), Refused> {
        let insert = "INSERT INTO rotation
                 (id, scope, old_key_id, new_key_id, reserved_at, opened_at, closes_at, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let opened = is.opened.as_ref();
        let insert = query(insert)
            .bind(number(is.reservation)?)
            .bind(is.scope.to_string())
            .bind(is.old_key_id.as_str())
            .bind(is.new_key_id.as_str())
            .bind(at.as_microsecond())
            .bind(opened.map(|opened| opened.opened_at.as_microsecond()))
            .bind(opened.map(|opened| opened.closes_at.as_microsecond()))
            .bind(number(seq)?);
        self.write(insert).await?;
        Ok(())
    }

    async fn replace_rotation(
        &mut self,
        was: &RotationRow,
        is: &RotationRow,
        seq: u64,
    ) -> Result<(), Refused> {
        let opened = is.opened.as_ref().ok_or(Refused::Conflict)?;
        let update = if was.opened.is_none() {
            query("UPDATE rotation SET seq = ?2, opened_at = ?3, closes_at = ?4 WHERE id = ?1")
                .bind(number(is.reservation)?)
                .bind(number(seq)?)
                .bind(opened.opened_at.as_microsecond())
                .bind(opened.closes_at.as_microsecond())
        } else {
            query("UPDATE rotation SET seq = ?2, closed_at = ?3 WHERE id = ?1")
                .bind(number(is.reservation)?)
                .bind(number(seq)?)
                .bind(opened.closed_at.map(Timestamp::as_microsecond))
        };
        self.write_one(update).await
    }
}

/// What of a key has changed, as far as it decides which columns are written.
enum Difference {
    /// The state, and with it whatever follows from that.
    State,
    /// That it became the current key.
    Current,
    /// What is noted of it.
    Marks,
}

impl Difference {
    fn between(was: &RegisteredKey, is: &RegisteredKey) -> Self {
        if (was.key.state, was.key.valid_until) != (is.key.state, is.key.valid_until) {
            Self::State
        } else if was.key.current != is.key.current {
            Self::Current
        } else {
            Self::Marks
        }
    }
}

fn number(number: u64) -> Result<i64, Failure> {
    i64::try_from(number).map_err(Failure::store)
}
