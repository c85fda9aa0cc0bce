//! One change, all or nothing.

use sqlx::sqlite::SqliteConnection;

use super::connection::{Work, lost};
use super::counter::{self, Identity};
use super::failure::Failure;
use signer_files::Watch;

/// Does `work` in one transaction of the registry `identity` and makes its effect durable, or leaves no
/// effect.
///
/// The statements are sent by hand: on a full disk SQLite rolls back by itself, and the transaction
/// type of the library would believe itself inside a transaction ever after.
pub(super) async fn transaction<T, W>(
    connection: &mut SqliteConnection,
    files: &Watch,
    identity: &Identity,
    work: W,
) -> Result<T, Failure>
where
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T>,
{
    begin(connection).await?;
    match finish(connection, files, identity, work).await {
        Ok((value, seq)) => {
            identity.counter.advance(seq);
            Ok(value)
        }
        Err(failure) => {
            // Fails when SQLite has rolled back already; the first failure is the one that matters.
            drop(rollback(connection).await);
            Err(failure)
        }
    }
}

/// Gives what `work` gave, and the number of the newest change that is durable now.
async fn finish<T, W>(
    connection: &mut SqliteConnection,
    files: &Watch,
    identity: &Identity,
    work: W,
) -> Result<(T, u64), Failure>
where
    W: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T>,
{
    identity.confirm(&mut *connection, files).await?;
    let value = work(&mut *connection).await?;
    let seq = counter::read(&mut *connection).await?;
    files.look().map_err(lost)?;
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    // It may have gone into files that were taken away a moment ago, and nothing may be built on that.
    files.look().map_err(lost)?;
    Ok((value, seq))
}

/// Takes the write lock. A transaction that is open here was cut off by the end of the runtime that
/// drove it; nobody heard of it, so it is undone.
async fn begin(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let begin = "BEGIN IMMEDIATE";
    let Err(refusal) = sqlx::query(begin).execute(&mut *connection).await else {
        return Ok(());
    };
    if rollback(connection).await.is_err() {
        return Err(refusal);
    }
    sqlx::query(begin).execute(&mut *connection).await?;
    Ok(())
}

async fn rollback(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("ROLLBACK").execute(connection).await?;
    Ok(())
}
